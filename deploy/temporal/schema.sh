#!/bin/sh
# Creates Temporal's two databases and brings their schema up to date. May run again at any time.
# Needs temporal-sql-tool:
#   go install go.temporal.io/server/cmd/tools/sql@v1.29.1   (installs it as "sql"; set SQL_TOOL to its path)
# POSTGRES_ADDR (host:port), POSTGRES_USER and POSTGRES_PASSWORD are those of the server. The role must be allowed to create databases.
# The tool's own variables SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD take precedence.
set -eu

tool=${SQL_TOOL:-temporal-sql-tool}
export SQL_PLUGIN=postgres12_pgx
address=${POSTGRES_ADDR:-127.0.0.1:5432}
export SQL_HOST=${SQL_HOST:-${address%:*}} SQL_PORT=${SQL_PORT:-${address##*:}}
export SQL_USER=${SQL_USER:-${POSTGRES_USER:-temporal}} SQL_PASSWORD=${SQL_PASSWORD:-${POSTGRES_PASSWORD:?is not set, and has no default}}

prepare() {
  database=$1 schema=$2
  "$tool" --database "$database" create # a database that exists is left alone
  # The first version may be set up once only; where it is, update-schema alone does the work.
  "$tool" --database "$database" setup-schema --version 0.0 || true
  "$tool" --database "$database" update-schema --schema-name "$schema"
}

prepare temporal postgresql/v12/temporal
prepare temporal_visibility postgresql/v12/visibility
