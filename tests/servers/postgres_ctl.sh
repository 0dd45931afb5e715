#!/usr/bin/env bash
# Stops, starts or restarts the server that postgres_up.sh keeps in DIR, at once and without asking anyone (-m immediate, as a
# crash would): it recovers from its log when it starts.
#
#   postgres_ctl.sh DIR stop|start|restart
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib/postgres.sh"
DIR=$(cd "$1" && pwd)
BIN=$(postgres_bin) || die "initdb not found"

mode=(-m immediate); [ "$2" != start ] || mode=()
cd "$DIR"   # the owner may not be allowed into where we are
as_owner "$BIN/pg_ctl" -D "$DIR/data" "$2" "${mode[@]}" -w -t 60 -s -l "$DIR/log" -o "-p $(cat "$DIR/port")"
