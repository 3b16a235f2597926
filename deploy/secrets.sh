#!/bin/sh
# Makes the secrets that compose.yaml mounts, as files in deploy/secrets. A file that exists is left alone, so run it again at any time.
# The containers run as other users than you, so the files are readable, and the folder around them is yours alone.
set -eu
dir=$(dirname "$0")/secrets
mkdir -p "$dir/more"
chmod 700 "$dir"
chmod 755 "$dir/more"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; } # letters and digits, so that it fits in a URL
keep() {                                                   # file, value
  [ -s "$dir/$1" ] || printf '%s\n' "$2" >"$dir/$1"
  chmod 444 "$dir/$1"
}

for name in postgres_password tabi_db_password temporal_db_password secret; do keep "$name" "$(random)"; done
keep write_keys "$(random)=server"
keep tokens "desk:agent=$(random)
operator:admin=$(random)"
keep database_url "postgres://tabi:$(cat "$dir/tabi_db_password")@postgres:5432/tabi?sslmode=disable"
echo "the secrets are in $dir"
