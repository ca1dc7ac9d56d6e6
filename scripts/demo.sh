#!/usr/bin/env bash
# A call between SIP phones of a running `make up`: a customer calls, an agent answers, REST transfers, and the events are
# printed as they come.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
var=${SIDECAR_VAR:-$top/var}
[[ -r $var/up.pid ]] || die "nothing is running: start it with make up in another terminal"
CGO_ENABLED=0 go build -trimpath -buildvcs=false -o bin/ ./internal/tools/demo
# The numbers that up.sh writes into the configuration; flags that are given win.
exec bin/demo --config "$var/sidecar.yaml" --number 8000 --first 5091 --second 5092 "$@"
