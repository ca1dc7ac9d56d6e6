#!/usr/bin/env bash
# Runs every fuzz test of the module for FUZZTIME each (default 10s), or, with arguments, those of the packages named. What a
# run finds is kept in testdata/fuzz: commit it.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
fuzztime=${FUZZTIME:-10s}
tags=e2e,opus,nolibopusfile # some stand behind a tag
count=0
while read -r package; do
  # What is written must be what go finds: a test behind a tag that nobody sets would never run.
  mapfile -t written < <(grep -hoP '^func \KFuzz\w*(?=\()' "$package"/*_test.go | sort)
  # Listing prints the tests, then a line with the package's result.
  mapfile -t found < <(go test -tags "$tags" -list '^Fuzz' "$package" | grep '^Fuzz' | sort || true)
  [[ ${written[*]} == "${found[*]}" ]] || die "$package has ${written[*]}, and go finds ${found[*]:-none}"
  for test in "${found[@]}"; do
    printf '== %s %s\n' "$package" "$test"
    go test -tags "$tags" -run '^$' -fuzz "^$test\$" -fuzztime "$fuzztime" "$package"
    count=$((count + 1))
  done
done < <(if (($# > 0)); then printf './%s\n' "${@#./}"; else
  grep -rl --include='*_test.go' --exclude-dir={var,node_modules,testdata} '^func Fuzz' . | xargs -r -n1 dirname | sort -u
fi)
((count > 0)) || die "no fuzz test found"
note "$count fuzz tests ran for $fuzztime each"
