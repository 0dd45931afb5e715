#!/usr/bin/env bash
# A throw-away Postgres for the tests: a server of its own in DIR, on loopback, with fsync on, since durability is tested.
#
#   postgres_up.sh DIR [SECONDS [PID]]     for example: postgres_up.sh "$(mktemp -d /tmp/tidings-postgres.XXXXXX)" 3600 &
#
# Runs until SECONDS are over (none: for ever), process PID is gone, or a TERM arrives; its process id is in DIR/pid. When it
# is ready it writes DIR/env, lines of TIDINGS_TEST_*=... for tests/run to read, and says the URL. A PgBouncer in transaction mode
# stands in front of it if one is installed. postgres_ctl.sh DIR stops, starts and restarts the server meanwhile.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../lib/postgres.sh"

mkdir -p "$1"; DIR=$(cd "$1" && pwd); SECS=${2:-2147483647}; WATCHED=${3:-1}
USER_NAME=tidings PASSWORD=$(od -An -tx1 -N12 /dev/urandom | tr -d ' \n')
BIN=$(postgres_bin) || die "initdb not found; as root: apt-get install postgresql"

make_cluster() {
  printf '%s' "$PASSWORD" > password
  chown_to_owner "$DIR"
  # md5: SCRAM's 4,096 rounds, in a debug build of the client, cost more than most tests.
  as_owner "$BIN/initdb" -D "$DIR/data" -U "$USER_NAME" -A md5 --pwfile="$DIR/password" -E UTF8 --locale=C.UTF-8 --no-sync
  as_owner tee -a "$DIR/data/postgresql.conf" >/dev/null <<CF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$DIR'
max_connections = 300
max_wal_size = 4GB
min_wal_size = 2GB
log_min_messages = warning
log_min_error_statement = panic
CF
}

accepts() { as_owner env PGPASSWORD="$PASSWORD" "$BIN/psql" -qAt -h "$DIR" -p "$PORT" -U "$USER_NAME" -d postgres -c "$1" >/dev/null; }

# Another program may take a port between our look and the server's bind, hence three attempts.
start_postgres() {
  for _ in 1 2 3; do
    PORT=$(free_port)
    echo "$PORT" | as_owner tee port >/dev/null
    "$HERE/postgres_ctl.sh" "$DIR" start && accepts "CREATE DATABASE $USER_NAME" && return 0
    stop_postgres
  done
  cat log >&2 || true
  die "Postgres did not start"
}

stop_postgres() { "$HERE/postgres_ctl.sh" "$DIR" stop >/dev/null 2>&1 || true; }

# Transaction mode with few server connections, so that a client meets other connections than the one it prepared on.
start_bouncer() {
  BOUNCER=''
  local program; program=$(PATH=$PATH:/usr/sbin type -P pgbouncer) || return 0
  BOUNCER_PORT=$(free_port)
  as_owner tee bouncer.ini >/dev/null <<CF
[databases]
$USER_NAME = host=127.0.0.1 port=$PORT
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $BOUNCER_PORT
unix_socket_dir =
auth_type = md5
auth_file = $DIR/bouncer.users
pool_mode = transaction
default_pool_size = 4
max_client_conn = 300
ignore_startup_parameters = extra_float_digits
logfile = $DIR/bouncer.log
pidfile = $DIR/bouncer.pid
CF
  echo "\"$USER_NAME\" \"$PASSWORD\"" | as_owner tee bouncer.users >/dev/null
  as_owner "$program" -q "$DIR/bouncer.ini" & BOUNCER=$!
  wait_for 10 "$BOUNCER" listening "$BOUNCER_PORT" || { cat bouncer.log >&2; die "PgBouncer did not start"; }
}

announce() {
  local login="postgres://$USER_NAME:$PASSWORD@127.0.0.1"
  {
    echo "TIDINGS_TEST_POSTGRES_URL=$login:$PORT/$USER_NAME"
    [ -z "$BOUNCER" ] || echo "TIDINGS_TEST_PGBOUNCER_URL=$login:$BOUNCER_PORT/$USER_NAME"
  } > env.new
  mv env.new env   # in one step: whoever waits for the file must not read half of it
  cat env
}

hold() {
  local until=$((SECONDS + SECS))
  while [ "$SECONDS" -lt "$until" ] && { [ "$WATCHED" = 1 ] || kill -0 "$WATCHED" 2>/dev/null; }; do sleep 1; done
}

# A second TERM must not cut the stopping short: whoever ends a process group sends one, our caller another.
finish() {
  trap '' INT TERM
  # By its own id: $BOUNCER is the shell that stands around it.
  [ ! -s bouncer.pid ] || signal TERM "$(cat bouncer.pid)" || true
  stop_postgres
}

main() {
  cd "$DIR"; umask 022
  chmod 755 .
  echo $$ > pid
  make_cluster >initdb.log 2>&1 || { cat initdb.log >&2; die "initdb failed"; }
  trap finish EXIT; trap 'exit 0' INT TERM
  start_postgres
  start_bouncer
  announce
  hold
}

main
