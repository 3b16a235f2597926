#!/bin/sh
# The processes of an installation on one machine, as docs/install.md sets it up in the home folder of its user.
#   deploy/services.sh run NAME                         in the foreground, for systemd (deploy/systemd/tabi@.service)
#   deploy/services.sh start|stop|restart [NAME …]      in the background, where there is no systemd
# NAME: postgres, temporal, provider, gateway, worker. Without a name, all; of restart, worker and gateway. start and restart wait until
# each is ready.
set -eu
. "$HOME/settings.sh"
source=$(cd "$(dirname "$0")/.." && pwd)

run() {
  case $1 in
  postgres) exec postgres -D "$HOME/postgres" ;;
  temporal)
    POSTGRES_USER=temporal POSTGRES_PASSWORD=$(cat "$SECRETS/temporal_db_password") TEMPORAL_TLS_DIR=$HOME/certs
    export POSTGRES_USER POSTGRES_PASSWORD TEMPORAL_TLS_DIR
    cd "$source/deploy/temporal"
    exec temporal-server --root . --config . --env production start
    ;;
  provider) # for trying out only
    exec oidc-provider --listen "127.0.0.1:$PROVIDER_PORT" --tabi "$TABI_PUBLIC_URL" --people "$HOME/people.txt" \
      --secret "@$SECRETS/oidc_client_secret"
    ;;
  gateway) exec tabi serve ;;
  worker)
    unset TABI_SECRET TABI_OIDC_CLIENT_SECRET # a worker needs neither
    exec tabi-worker
    ;;
  *) echo "there is no process $1" >&2 && exit 2 ;;
  esac
}

ready() {
  case $1 in
  postgres) pg_isready --quiet ;;
  temporal) temporal operator cluster health ;;
  provider) curl -fs "http://127.0.0.1:$PROVIDER_PORT/.well-known/openid-configuration" ;;
  gateway) tabi health ;;
  worker) tabi-worker health ;;
  esac >/dev/null 2>&1
}

running() { [ -s "$HOME/run/$1.pid" ] && kill -0 "$(cat "$HOME/run/$1.pid")" 2>/dev/null; }

start() {
  running "$1" || {
    setsid "$0" run "$1" >>"$HOME/log/$1.log" 2>&1 </dev/null &
    echo $! >"$HOME/run/$1.pid"
  }
  for _ in $(seq 120); do
    running "$1" || break
    if ready "$1"; then echo "$1 is ready" && return; fi
    sleep 0.5
  done
  echo "$1 is not ready; the end of $HOME/log/$1.log:" >&2
  tail -n 20 "$HOME/log/$1.log" >&2
  exit 1
}

stop() {
  running "$1" || return 0
  signal=TERM
  [ "$1" != postgres ] || signal=INT # it ends the sessions that are open
  kill -s $signal "$(cat "$HOME/run/$1.pid")"
  while running "$1"; do sleep 0.1; done
  echo "$1 has ended"
}

command=$1
shift
all=$*
[ "$command" = run ] || mkdir -p "$HOME/run" "$HOME/log" # with systemd, a process may write nothing
case $command in
run) run "$1" ;;
start) for name in ${all:-postgres temporal provider gateway worker}; do start "$name"; done ;;
stop) for name in ${all:-worker gateway provider temporal postgres}; do stop "$name"; done ;;
restart) for name in ${all:-worker gateway}; do stop "$name" && start "$name"; done ;;
*) echo "there is no command $command" >&2 && exit 2 ;;
esac
