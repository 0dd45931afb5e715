# shellcheck shell=bash
# Sourced by tests/run: starts tests/servers/postfix_up.sh, exports its TIDINGS_TEST_SMTP_*. Whoever calls start_smtp calls
# stop_smtp at exit.
LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$LIB/common.sh"
SMTP_DIR='' SMTP_PID=''

# start_smtp SECONDS
start_smtp() {
  ensure_packages postfix libsasl2-modules libsasl2-modules-db sasl2-bin openssl ca-certificates
  can_be_root || die "not root: Postfix cannot start (run as root, allow sudo, or set TIDINGS_TEST_SMTP_* yourself)"
  SMTP_DIR=$(mktemp -d /tmp/tidings-smtp.XXXXXX)   # not in $TMPDIR, which may be closed to Postfix's users
  as_root "$LIB/../servers/postfix_up.sh" "$SMTP_DIR" "$1" $$ >"$SMTP_DIR/log" 2>&1 & SMTP_PID=$!
  wait_for 60 "$SMTP_PID" test -s "$SMTP_DIR/env" || { cat "$SMTP_DIR/log" >&2; die "the SMTP server did not start"; }
  set -a; . "$SMTP_DIR/env"; set +a
  echo "Postfix is up: STARTTLS on $TIDINGS_TEST_SMTP_PORT, TLS on $TIDINGS_TEST_SMTPS_PORT, mail in $TIDINGS_TEST_SMTP_MAILDIR"
}

stop_smtp() {
  trap '' INT TERM
  [ -n "$SMTP_DIR" ] || return 0
  [ ! -s "$SMTP_DIR/pid" ] || end_server "$(cat "$SMTP_DIR/pid")"
  as_root rm -rf "$SMTP_DIR"
}
