#!/usr/bin/env bash
# A real SMTP server for the tests: a Postfix of its own in DIR, on loopback, that delivers everything to one Maildir.
#
#   postfix_up.sh DIR SECONDS PID    (as root)
#
# Runs until SECONDS are over, process PID is gone, or a TERM arrives. Its process id is in DIR/pid. When it is ready it
# writes DIR/env, lines of TIDINGS_TEST_SMTP_*=... for tests/run to read. Both ports want a login (AUTH PLAIN or LOGIN) and TLS.
#
#   refused@ANY, bounce@ANY         550 5.1.1 at RCPT
#   greylisted@ANY, greylist@ANY    450 4.7.1 at RCPT
#   anyone else, at any domain      one file each in mail/all/new, with Return-Path, X-Original-To and Delivered-To on top
#
# Nothing can leave the machine: the instance has no SMTP client, every domain is its own.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"

DIR=$(cd "$1" && pwd); SECS=$2; WATCHED=$3
HOST=localhost USER_NAME=tidings PASSWORD=$(openssl rand -hex 12)
OWNER=${SUDO_UID:-$(id -u nobody)} GROUP=${SUDO_GID:-$(id -g nobody)}   # of the Maildir: whoever runs the tests can read it
[ "$OWNER" != 0 ] || { OWNER=$(id -u nobody); GROUP=$(id -g nobody); }  # Postfix delivers nothing as root

make_certificates() {
  local new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  openssl req -x509 "${new_key[@]}" -days 2 -subj "/CN=tidings test authority" -keyout ca.key -out ca.pem \
    -addext "keyUsage=critical,keyCertSign"
  openssl req "${new_key[@]}" -subj "/CN=$HOST" -keyout server.key -out server.csr
  openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem \
    -extfile <(echo "subjectAltName=DNS:$HOST,IP:127.0.0.1")
}

make_login() {
  mkdir -p sasl etc/sasl   # Debian's build looks for the configuration in etc/sasl, whatever main.cf says
  printf '%s' "$PASSWORD" | saslpasswd2 -p -c -f sasl/users -u "$HOST" "$USER_NAME"
  chown postfix sasl/users
  printf '%s\n' "pwcheck_method: auxprop" "auxprop_plugin: sasldb" "sasldb_path: $DIR/sasl/users" \
    "mech_list: PLAIN LOGIN" > etc/sasl/smtpd.conf
}

make_maildir() {
  mkdir -p mail/all/{new,cur,tmp}
  chown -R "$OWNER:$GROUP" mail
}

configure() {
  mkdir -p etc queue data; chown postfix data
  cat > etc/recipients <<'CF'
/^(refused|bounce)@/      550 5.1.1 No such mailbox here
/^grey(listed|list)@/     450 4.7.1 Greylisted, try again later
CF
  echo '/./ ours' > etc/domains
  # Error delays and client limits are off because the tests make mistakes on purpose, many at a time; rewriting is off
  # so that a header we forgot is missing on arrival too.
  cat > etc/main.cf <<CF
compatibility_level = 3.6
queue_directory = $DIR/queue
data_directory = $DIR/data
maillog_file = $DIR/maillog
maillog_file_prefixes = $DIR
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.tidings.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = regexp:$DIR/etc/domains
virtual_mailbox_base = $DIR/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:$OWNER
virtual_gid_maps = static:$GROUP
default_transport = error:5.4.4 nothing leaves this machine
relay_transport = error:5.4.4 nothing leaves this machine
message_size_limit = 10485760
biff = no
local_header_rewrite_clients =
smtpd_tls_cert_file = $DIR/server.pem
smtpd_tls_key_file = $DIR/server.key
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = $DIR/etc/sasl
smtpd_sasl_local_domain = $HOST
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access regexp:$DIR/etc/recipients, permit_sasl_authenticated, reject
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
CF
}

# The services of one message's way in, and no `smtp` service, by which one could leave.
write_services() {
  cat > etc/master.cf <<CF
127.0.0.1:$1 inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
127.0.0.1:$2 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
virtual unix - n n - - virtual
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
CF
}

ready() { listening "$SUBMISSION" && listening "$SMTPS"; }

# Another program may take a port between our look and Postfix's bind, hence three attempts.
start() {
  for _ in 1 2 3; do
    SUBMISSION=$(free_port); SMTPS=$(free_port)
    [ "$SUBMISSION" != "$SMTPS" ] || continue
    write_services "$SUBMISSION" "$SMTPS"
    postfix -c "$DIR/etc" start && wait_for 10 $$ ready && return 0
    stop
  done
  cat maillog >&2 || true
  die "Postfix did not start"
}

stop() { timeout -s KILL 20 postfix -c "$DIR/etc" stop >/dev/null 2>&1 || true; }

# A second TERM must not cut the stopping short: whoever ends a process group sends one, our caller another.
finish() { trap '' INT TERM; stop; }

announce() {
  cat > env.new <<ENV
TIDINGS_TEST_SMTP_HOST=$HOST
TIDINGS_TEST_SMTP_PORT=$SUBMISSION
TIDINGS_TEST_SMTPS_PORT=$SMTPS
TIDINGS_TEST_SMTP_USER=$USER_NAME
TIDINGS_TEST_SMTP_PASS=$PASSWORD
TIDINGS_TEST_SMTP_CA=$DIR/ca.pem
TIDINGS_TEST_SMTP_MAILDIR=$DIR/mail/all
ENV
  mv env.new env   # in one step: whoever waits for the file must not read half of it
}

hold() {
  local until=$((SECONDS + SECS))
  while [ "$SECONDS" -lt "$until" ] && kill -0 "$WATCHED" 2>/dev/null; do sleep 1; done
}

main() {
  [ "$(id -u)" = 0 ] || die "needs root: Postfix starts its daemons under several users"
  cd "$DIR"; umask 022
  chmod 755 .   # several users must get in: postfix, the Maildir's owner, the tests
  echo $$ > pid   # to stop us by; through sudo the caller's child is another process
  make_certificates 2>certificates.log || { cat certificates.log >&2; die "openssl could not make certificates"; }
  make_login
  make_maildir
  configure
  trap finish EXIT; trap 'exit 0' INT TERM
  start
  announce
  hold
}

main
