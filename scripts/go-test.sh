#!/usr/bin/env bash
# Runs go test, and repeats at the end what has failed and why: the real parts say much. Their whole logs are in _artifacts.
set -uo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top" || exit
files_in_memory
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
rm -rf _artifacts
go test -artifacts "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
if ((status != 0)); then
  printf '\nWhat failed (logs of what took part are in _artifacts):\n'
  # Each error with what belongs to it, the names of failed tests and packages, and what ends a process.
  awk '/Error Trace:/ { on = 1 } on && !/^ +\t/ { on = 0 } on || /--- FAIL:|^FAIL|^panic:|DATA RACE|goleak|\[build failed\]/' "$log" | head -n 200
fi
exit "$status"
