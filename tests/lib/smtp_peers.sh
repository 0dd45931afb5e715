# shellcheck shell=bash
# Sourced by tests/run: starts two SMTP servers that others wrote, aiosmtpd (PyPI) and smtp-server (npm), and exports
#   TIDINGS_TEST_SMTP_PEERS       DIR, with ca.pem and what each took as NAME.jsonl
#   TIDINGS_TEST_AIOSMTPD_PORT, TIDINGS_TEST_SMTP_SERVER_PORT    of those that could be installed
# Whoever calls start_smtp_peers calls stop_smtp_peers at exit. Both ask for STARTTLS and the login tidings, secret.
PEERS_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$PEERS_LIB/common.sh"
PEERS_CACHE=${TIDINGS_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tidings-tests}
PEERS_DIR='' PEERS_PIDS=()

peer_certificates() {
  local new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  openssl req -x509 "${new_key[@]}" -days 2 -subj "/CN=tidings test authority" -keyout ca.key -out ca.pem \
    -addext "keyUsage=critical,keyCertSign"
  openssl req "${new_key[@]}" -subj "/CN=localhost" -keyout server.key -out server.csr
  openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem \
    -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1")
}

install_aiosmtpd() {
  local home=$PEERS_CACHE/aiosmtpd
  "$home/bin/python" -c 'import aiosmtpd' 2>/dev/null && return 0
  python3 -m venv "$home" && timeout 200 "$home/bin/pip" -q install aiosmtpd==1.4.6
}

install_smtp_server() {
  local home=$PEERS_CACHE/smtp-server
  [ -d "$home/node_modules/smtp-server" ] && return 0
  mkdir -p "$home" && (cd "$home" && timeout 200 npm install --silent --no-fund --no-audit smtp-server@3)
}

# start_peer NAME VARIABLE SECONDS INSTALL COMMAND...: one that cannot be had is said to be skipped.
start_peer() {
  local name=$1 variable=$2 seconds=$3 install=$4 port; shift 4
  if ! "$install" >"$PEERS_DIR/$name.log" 2>&1; then
    echo "skipped: $name could not be installed ($(tail -n 1 "$PEERS_DIR/$name.log"))"; return
  fi
  port=$(free_port)
  timeout "$seconds" "$@" "$PEERS_DIR" "$port" >>"$PEERS_DIR/$name.log" 2>&1 & PEERS_PIDS+=($!)
  if wait_for 20 $! listening "$port"; then
    export "$variable=$port"; echo "$name is up: port $port"
  else
    echo "skipped: $name did not start ($(tail -n 1 "$PEERS_DIR/$name.log"))"
  fi
}

# start_smtp_peers SECONDS
start_smtp_peers() {
  PEERS_DIR=$(mktemp -d "${TMPDIR:-/tmp}/tidings-peers.XXXXXX")
  (cd "$PEERS_DIR" && peer_certificates) 2>"$PEERS_DIR/certificates.log" || { echo "skipped: openssl made no certificates"; return; }
  export TIDINGS_TEST_SMTP_PEERS=$PEERS_DIR PEERS_NPM=$PEERS_CACHE/smtp-server
  start_peer aiosmtpd TIDINGS_TEST_AIOSMTPD_PORT "$1" install_aiosmtpd \
    "$PEERS_CACHE/aiosmtpd/bin/python" "$PEERS_LIB/../servers/smtp_aiosmtpd.py"
  start_peer smtp-server TIDINGS_TEST_SMTP_SERVER_PORT "$1" install_smtp_server node "$PEERS_LIB/../servers/smtp_server.mjs"
}

stop_smtp_peers() {
  [ -n "$PEERS_DIR" ] || return 0
  [ "${#PEERS_PIDS[@]}" = 0 ] || kill "${PEERS_PIDS[@]}" 2>/dev/null || true
  rm -rf "$PEERS_DIR"
}
