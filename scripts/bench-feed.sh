#!/usr/bin/env bash
# Measures the feed: deliveries a second to a thousand sessions by WebSocket and by long-polling, the CPU of each, and what
# ten thousand sessions cost that are told nothing. The published server for Node.js is measured beside it, in the same run.
# Arguments go to the tool (bin/feed --help), as in
#   scripts/bench-feed.sh --sessions 200 --idle 0 --for 2s
# Two minutes; the clients share the machine, so run it with nothing else to do.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
[[ -d e2e/node/node_modules/cometd-nodejs-server ]] || die "the packages of e2e/node are missing: make deps"
ulimit -n "$(ulimit -H -n)"
go build -trimpath -buildvcs=false -o bin/ ./internal/tools/feed
exec timeout 600 bin/feed --node e2e/node/feed_server.mjs "$@"
