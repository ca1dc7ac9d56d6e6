#!/usr/bin/env bash
# The sidecar is killed SOAK_KILLS times at random moments while twenty calls are there. SOAK_SEED repeats a run. Before that,
# the feed's clients go through cuts of the network of up to ten minutes, and 200 sessions are compared with the event log
# after SOAK_EVENTS events of real calls: by bin/sidecar as it is, since the race detector makes calls rare.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
export SOAK_KILLS=${SOAK_KILLS:-200} SOAK_SEED=${SOAK_SEED:-$RANDOM$RANDOM}
[[ -x bin/sidecar ]] || die "bin/sidecar is missing: make build"
printf 'soak: SOAK_SEED=%s SOAK_KILLS=%s\n' "$SOAK_SEED" "$SOAK_KILLS"
go test -race -count=1 -timeout 1h -parallel 18 -tags e2e,soak -run '^TestSoakFeed$' -v ./cti/bayeux
SOAK_EVENTS=${SOAK_EVENTS:-100000} E2E_BINARY=$top/bin/sidecar go test -count=1 -timeout 1h -tags e2e,opus,nolibopusfile \
  -run '^TestEveryDesktopSeesTheLog$' -v ./e2e
exec go test -race -count=1 -timeout 3h -tags e2e,soak,opus,nolibopusfile -run '^TestSoakKills$' -v ./e2e
