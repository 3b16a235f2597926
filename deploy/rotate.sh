#!/bin/sh
# Replaces secrets of the installation that docs/install.md sets up, while it runs. Restart the processes that it names.
#   deploy/rotate.sh new NAME …       a new value. Of a list, the new one is first, and the old ones still open what they sealed
#   deploy/rotate.sh drop NAME …      drops the old values of a list
# NAME: the lists secret, link_secrets and master_keys, and postgres_password, tabi_db_password, temporal_db_password.
set -eu
. "$HOME/settings.sh"
umask 077

list() { case $1 in secret | link_secrets | master_keys) ;; *) false ;; esac; }

replace() { # file: what stdin has
  cat >"$SECRETS/$1.new"
  [ -s "$SECRETS/$1.new" ]
  mv -f "$SECRETS/$1.new" "$SECRETS/$1"
}

# password ROLE FILE: of a role of PostgreSQL. Connections that are open stay.
password() {
  new=$(openssl rand -hex 24)
  printf "alter role %s password '%s';\n" "$1" "$new" |
    PGPASSWORD=$(cat "$SECRETS/postgres_password") psql --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres
  [ "$1" != tabi ] || sed "s/:$(cat "$SECRETS/$2")@/:$new@/" "$SECRETS/database_url" | replace database_url
  echo "$new" | replace "$2"
}

new() {
  restart="worker and gateway"
  case $1 in
  secret | link_secrets | master_keys) { openssl rand -hex 32 && cat "$SECRETS/$1"; } | replace "$1" ;;
  postgres_password) password postgres "$1"; restart=nothing ;; # of people and backups
  tabi_db_password) password tabi "$1" ;;
  temporal_db_password) password temporal "$1"; restart=temporal ;;
  *) echo "there is no secret $1" >&2 && exit 2 ;;
  esac
  echo "$1 is new; restart $restart"
}

drop() {
  list "$1" || { echo "$1 has one value: there is nothing to drop" >&2 && exit 2; }
  head -n 1 "$SECRETS/$1" | replace "$1"
  echo "$1 has its first value alone; restart worker and gateway"
}

command=$1
shift
for name in "$@"; do
  case $command in
  new) new "$name" ;;
  drop) drop "$name" ;;
  *) echo "there is no command $command" >&2 && exit 2 ;;
  esac
done
