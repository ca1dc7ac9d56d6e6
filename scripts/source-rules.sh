#!/usr/bin/env bash
# Rules of CONTRIBUTING that the linters can't check. Prints each breach and fails if there is one.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
breaches=0
breach() {
  printf '%s\n' "$*"
  breaches=$((breaches + 1))
}

mapfile -t sources < <(find . -name '*.go' -not -path './var/*' -not -path '*/node_modules/*' -not -path './tools/*' | sort)

# Whoever starts a goroutine waits for it: WaitGroup.Go and errgroup.Go say so by themselves, a bare go statement says in a
# comment on its line who joins it.
while IFS= read -r line; do
  breach "$line: use sync.WaitGroup.Go or errgroup, or say on the line what waits for it: // joined by ..."
done < <(printf '%s\n' "${sources[@]}" | grep -v '_test\.go$' | xargs grep -nHE '^[[:space:]]*go ([a-zA-Z_][a-zA-Z_.0-9]*|func)\(' | grep -v '// joined by ' || true)

# A test may sleep in virtual time only.
while IFS= read -r file; do
  grep -qs '"testing/synctest"' "$(dirname "$file")"/*_test.go ||
    breach "$file: time.Sleep outside testing/synctest: wait for a condition"
done < <(printf '%s\n' "${sources[@]}" | grep '_test\.go$' | xargs -r grep -l 'time\.Sleep(' || true)

# A test that can't run its real part fails; it does not skip.
while IFS= read -r line; do
  breach "$line: a missing part fails the test"
done < <(printf '%s\n' "${sources[@]}" | grep '_test\.go$' | xargs -r grep -nHE '\b(t|b|tb)\.Skip(f|Now)?\(|testing\.Short\(\)' || true)

# Files grow out of shape slowly; generated ones may.
while read -r lines file; do
  [[ $file == total ]] && continue
  limit=500
  [[ $file == *_test.go ]] && limit=1000
  ((lines <= limit)) || breach "$file: $lines lines, at most $limit: split it by type or by step"
done < <(printf '%s\n' "${sources[@]}" | grep -vE '_gen\.go$' | xargs wc -l)

((breaches == 0)) || die "$breaches breaches"
