# shellcheck shell=bash
# Sourced by tests/run and tests/servers/postgres_*: starts tests/servers/postgres_up.sh, exports its TIDINGS_TEST_*. Whoever
# calls start_postgres_server calls stop_postgres_server at exit.
POSTGRES_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$POSTGRES_LIB/common.sh"
POSTGRES_DIR='' POSTGRES_PID=''

# postgres_bin: where initdb is; Debian keeps it out of the PATH, one folder a version.
postgres_bin() {
  local found; found=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  [ -x "$found/initdb" ] || found=$(dirname "$(type -P initdb)")
  [ -x "$found/initdb" ] && echo "$found"
}

# Postgres does not run as root.
postgres_owner() {
  if [ "$(id -u)" != 0 ]; then id -un; elif id -u postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}
as_owner() { if [ "$(id -u)" = 0 ]; then setpriv --reuid="$(postgres_owner)" --regid="$(id -g "$(postgres_owner)")" --clear-groups "$@"; else "$@"; fi; }
chown_to_owner() { [ "$(id -u)" != 0 ] || chown -R "$(postgres_owner)" "$1"; }

# start_postgres_server SECONDS
start_postgres_server() {
  postgres_bin >/dev/null || ensure_packages postgresql
  PATH=$PATH:/usr/sbin type -P pgbouncer >/dev/null || ! can_be_root || ensure_packages pgbouncer
  POSTGRES_DIR=$(mktemp -d /tmp/tidings-postgres.XXXXXX)   # not in $TMPDIR, which may be closed to Postgres' user
  "$POSTGRES_LIB/../servers/postgres_up.sh" "$POSTGRES_DIR" "$1" $$ >"$POSTGRES_DIR.log" 2>&1 & POSTGRES_PID=$!
  wait_for 120 "$POSTGRES_PID" test -s "$POSTGRES_DIR/env" ||
    { cat "$POSTGRES_DIR.log" >&2; die "the Postgres server did not start"; }
  set -a; . "$POSTGRES_DIR/env"; set +a
  echo "Postgres is up: ${TIDINGS_TEST_POSTGRES_URL##*@}${TIDINGS_TEST_PGBOUNCER_URL:+, PgBouncer: ${TIDINGS_TEST_PGBOUNCER_URL##*@}}"
}

stop_postgres_server() {
  trap '' INT TERM
  [ -n "$POSTGRES_DIR" ] || return 0
  [ ! -s "$POSTGRES_DIR/pid" ] || end_server "$(cat "$POSTGRES_DIR/pid")"
  rm -rf "$POSTGRES_DIR" "$POSTGRES_DIR.log"
}
