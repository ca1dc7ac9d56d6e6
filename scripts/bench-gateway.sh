#!/usr/bin/env bash
# Measures what a browser's leg costs: through the daemon, through Asterisk's own WebRTC endpoints, and through rtpengine
# where it is installed, in one run, on loopback. Arguments go to the tool (bin/load --help), as in
#   scripts/bench-gateway.sh --targets sidecar --legs 400 --window 5s
# The generator, the target and the kernel share the machine: run it with nothing else to do.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
go build -trimpath -buildvcs=false -o bin/ ./internal/tools/load
go build -trimpath -buildvcs=false -o bin/load-gateway ./internal/tools/load/target
[[ -x bin/sidecar ]] || die "bin/sidecar is missing: make build"
exec bin/load --sidecar bin/sidecar --gateway bin/load-gateway --idle 1000 --json bin/load.json "$@"
