# shellcheck shell=bash
# Sourced by tests/run, tests/servers/* and .ci/*: the few things they all need.

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# cargo is often installed for the user only, and CI shells do not read the profile that would find it.
need_cargo() {
  command -v cargo >/dev/null || PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
  command -v cargo >/dev/null || die "cargo not found; install a Rust toolchain first"
}

can_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

missing_packages() {
  local p
  for p in "$@"; do
    # shellcheck disable=SC2016  # the braces are dpkg-query's, not the shell's
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
  done
}

# ensure_packages PACKAGE...: calls apt only if something is missing.
ensure_packages() {
  command -v dpkg-query >/dev/null || die "needs Debian or a system like it, with: $*"
  local missing; mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  can_be_root || die "not root, and these packages are missing: ${missing[*]} (as root: apt-get install ${missing[*]})"
  echo "installing: ${missing[*]}"
  # Without an answer Postfix would configure itself as an Internet host and start: we want the programs only.
  echo 'postfix postfix/main_mailer_type select No configuration' | as_root debconf-set-selections
  as_root timeout 300 apt-get update -q >/dev/null
  as_root env DEBIAN_FRONTEND=noninteractive timeout 900 \
    apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port: below the range the kernel hands out to clients, so that only another server could take it meanwhile.
free_port() {
  local port
  for _ in $(seq 50); do
    port=$((20000 + RANDOM % 10000))
    listening "$port" || { echo "$port"; return; }
  done
  die "no free port found"
}

# signal NAME PID: also to processes of others, if we may.
signal() { kill -s "$1" "$2" 2>/dev/null || as_root kill -s "$1" "$2" 2>/dev/null; }

# wait_for SECONDS PID COMMAND...: until COMMAND succeeds; fails when time is up or process PID is gone.
wait_for() {
  local ticks=$(($1 * 5)) pid=$2; shift 2
  for _ in $(seq "$ticks"); do
    "$@" && return 0
    signal 0 "$pid" || return 1
    sleep 0.2
  done
  return 1
}

# end_server PID: stops what tests/servers/* started and waits for it by its own id: our child may be a shell or a sudo around
# it, gone already, and servers are stopped with files that are in the directory we are about to remove.
end_server() {
  signal TERM "$1" || return 0
  for _ in $(seq 150); do
    signal 0 "$1" || return 0
    sleep 0.2
  done
  echo "the server (process $1) does not stop" >&2
}
