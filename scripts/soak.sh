#!/usr/bin/env bash
# The sidecar is killed SOAK_KILLS times at random moments while twenty calls are there. SOAK_SEED repeats a run.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
export SOAK_KILLS=${SOAK_KILLS:-200} SOAK_SEED=${SOAK_SEED:-$RANDOM$RANDOM}
printf 'soak: SOAK_SEED=%s SOAK_KILLS=%s\n' "$SOAK_SEED" "$SOAK_KILLS"
exec go test -race -count=1 -timeout 3h -tags e2e,soak,opus,nolibopusfile -run '^TestSoakKills$' -v ./e2e
