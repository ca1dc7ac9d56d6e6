#!/usr/bin/env bash
# Measures how long it takes from an event of Asterisk's until an agent's desktop has it, by WebSocket and by long-polling,
# through a whole sidecar, at 50 calls a second; and what they cost the sidecar. In Asterisk's place the recorded events of a
# call are played. Arguments go to the tool (bin/feed latency --help), as in
#   scripts/bench-latency.sh --rate 20 --for 5s
# Half a minute; the tool shares the machine, so run it with nothing else to do.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
[[ -x bin/sidecar ]] || die "bin/sidecar is missing: make build"
go build -trimpath -buildvcs=false -o bin/ ./internal/tools/feed
exec timeout 300 bin/feed latency --sidecar bin/sidecar "$@"
