#!/bin/sh
# Run once by the PostgreSQL image on an empty data folder: one role and its databases each for tabi and for Temporal.
set -eu
tabi=$(cat /run/secrets/tabi_db_password)
temporal=$(cat /run/secrets/temporal_db_password)
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set tabi="$tabi" --set temporal="$temporal" <<'SQL'
create role tabi login password :'tabi';
create database tabi owner tabi;
create role temporal login password :'temporal' createdb;
create database temporal owner temporal;
create database temporal_visibility owner temporal;
SQL
