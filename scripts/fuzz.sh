#!/usr/bin/env bash
# Runs every fuzz test of the module for FUZZTIME each (default 10s). What a run finds is kept in testdata/fuzz: commit it.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
fuzztime=${FUZZTIME:-10s}
count=0
while read -r package; do
  # Listing prints the tests, then a line with the package's result.
  mapfile -t tests < <(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true)
  for test in "${tests[@]}"; do
    printf '== %s %s\n' "$package" "$test"
    go test -run '^$' -fuzz "^$test\$" -fuzztime "$fuzztime" "$package"
    count=$((count + 1))
  done
done < <(grep -rl --include='*_test.go' --exclude-dir={var,node_modules} '^func Fuzz' . | xargs -r -n1 dirname | sort -u)
((count > 0)) || die "no fuzz test found"
note "$count fuzz tests ran for $fuzztime each"
