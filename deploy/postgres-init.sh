#!/bin/sh
# One role and its databases each for tabi and for Temporal. The PostgreSQL image runs it once, on an empty data folder; elsewhere, name
# the folder of the passwords, and the superuser by POSTGRES_USER and the variables of psql:
#   SECRETS=FOLDER POSTGRES_USER=postgres deploy/postgres-init.sh
set -eu
secrets=${SECRETS:-/run/secrets}
tabi=$(cat "$secrets/tabi_db_password")
temporal=$(cat "$secrets/temporal_db_password")
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set tabi="$tabi" --set temporal="$temporal" <<'SQL'
create role tabi login password :'tabi';
create database tabi owner tabi;
create role temporal login password :'temporal' createdb;
create database temporal owner temporal;
create database temporal_visibility owner temporal;
SQL
