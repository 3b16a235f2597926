#!/bin/sh
# Restores tabi's and Temporal's databases from a folder that backup.sh made. Stop worker, gateway and temporal first. A database that
# exists is kept, as NAME_before_TIME: drop it once all is well.
#   deploy/restore.sh FOLDER
set -eu
. "$HOME/settings.sh"
folder=$1
export PGUSER=postgres PGPASSWORD
PGPASSWORD=$(cat "$SECRETS/postgres_password")
sql() { psql --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 --dbname postgres --command "$1"; }

for database in tabi temporal temporal_visibility; do
  pg_restore --list "$folder/$database.dump" >/dev/null # it is there, and a dump
  open=$(sql "select count(*) from pg_stat_activity where datname = '$database'")
  [ "$open" = 0 ] || { echo "$open connections to $database are open: stop worker, gateway and temporal" >&2 && exit 1; }
done
now=$(date -u +%Y%m%d%H%M%S)
for database in tabi temporal temporal_visibility; do
  owner=${database%_visibility}
  [ -z "$(sql "select 1 from pg_database where datname = '$database'")" ] || sql "alter database $database rename to ${database}_before_$now"
  createdb --owner "$owner" "$database"
  pg_restore --exit-on-error --no-owner --no-comments --role "$owner" --dbname "$database" "$folder/$database.dump"
  echo "$database is restored"
done
