#!/usr/bin/env bash
# Stops a running `make up` and returns when it is gone.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

var=${SIDECAR_VAR:-$top/var}
pidfile=$var/up.pid

[[ -r $pidfile ]] || { note "not running"; exit 0; }
exec 8>"$var/.lock"
# The lock, not the number in the file, says whether one runs: numbers are used again.
if flock -n 8; then
  rm -f -- "$pidfile"
  note "not running"
  exit 0
fi
pid=$(<"$pidfile")
kill -TERM "$pid" 2>/dev/null || die "the process $pid of $pidfile can't be signalled"
flock -w 60 8 || die "process $pid did not stop within 60 s"
note stopped
