#!/usr/bin/env bash
# Runs the generators whose output is committed.
#   gen.sh           writes
#   gen.sh --check   writes nothing; fails if a generator would change something
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
case ${1-} in
  '') go generate ./... ;;
  --check)
    # Each generator is named by a go:generate line and knows -check: the same line runs with that flag added.
    while IFS=: read -r file command; do
      command=${command#//go:generate }
      (cd "$(dirname "$file")" && bash -c "$command -check") || die "$file: committed files differ from what its generator makes; run make gen"
    done < <(grep -r --include='*.go' --exclude-dir={var,node_modules} '^//go:generate ' .)
    # The inventory besides, against the Asterisk that is installed: a newer 22 must still have everything in it.
    [[ ! -d $cache/asterisk/root ]] || go run ./internal/tools/arigen -check -root "$cache/asterisk/root"
    ;;
  *) die "usage: gen.sh [--check]" ;;
esac
