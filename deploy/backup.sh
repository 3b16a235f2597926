#!/bin/sh
# Dumps tabi's and Temporal's databases into a new folder below ~/backups, while everything runs, and deletes dumps that are older than
# KEEP_DAYS (30). tabi's is dumped first, so Temporal's is never behind it: no run has missed an event. A dump holds the data of customers who were forgotten since: keep none longer than you promise.
#   deploy/backup.sh        prints the folder
set -eu
. "$HOME/settings.sh"
umask 077
folder=$HOME/backups/$(date -u +%Y-%m-%dT%H-%M-%S)
mkdir -p "$folder"
PGPASSWORD=$(cat "$SECRETS/postgres_password")
export PGPASSWORD
for database in tabi temporal temporal_visibility; do
  pg_dump --username postgres --format=custom --file "$folder/$database.part" "$database"
  mv "$folder/$database.part" "$folder/$database.dump"
done
find "$HOME/backups" -mindepth 1 -maxdepth 1 -type d -mtime "+${KEEP_DAYS:-30}" -exec rm -r {} +
echo "$folder"
