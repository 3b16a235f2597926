#!/bin/sh
# Makes the secrets of an installation as files, of which compose.yaml mounts those of deploy/secrets:
#   deploy/secrets.sh [FOLDER]      default: deploy/secrets
# A file that exists is left alone, so run it again at any time. DATABASE_AT is where tabi's database is, for database_url.
# The containers run as other users than you, so the files are readable, and the folder around them is yours alone.
set -eu
dir=${1:-$(dirname "$0")/secrets}
mkdir -p "$dir/more"
chmod 700 "$dir"
chmod 755 "$dir/more"

random() { od -An -N"${1:-24}" -tx1 /dev/urandom | tr -d ' \n'; } # letters and digits, so that it fits in a URL
keep() {                                                          # file, value
  [ -s "$dir/$1" ] || printf '%s\n' "$2" >"$dir/$1"
  chmod 444 "$dir/$1"
}

for name in postgres_password tabi_db_password temporal_db_password secret link_secrets oidc_client_secret; do keep "$name" "$(random)"; done
keep master_keys "$(random 32)"
keep write_keys "$(random)=server"
keep tokens "desk:agent=$(random)
operator:admin=$(random)"
keep database_url "postgres://tabi:$(cat "$dir/tabi_db_password")@${DATABASE_AT:-postgres:5432/tabi?sslmode=disable}"
echo "the secrets are in $dir; keep a copy of master_keys elsewhere: without it, what Temporal keeps cannot be read"
