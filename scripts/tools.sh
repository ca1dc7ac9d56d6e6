#!/usr/bin/env bash
# Builds the development tools that tools/go.mod pins into the cache and prints the directory they are in.
# The directory is named after what decides the result, so a second run only prints.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

key=$({ cat "$top/tools/go.mod" "$top/tools/go.sum"; go env GOVERSION GOOS GOARCH; } | sha256sum | cut -c1-12)
dir=$cache/bin/$key

if [[ ! -d $dir ]]; then
  mkdir -p "$cache/bin"
  exec 9>"$cache/bin/.lock"
  flock 9
  if [[ ! -d $dir ]]; then
    note "building golangci-lint, gofumpt and govulncheck (once, about a minute and a half)"
    work=$(mktemp -d "$cache/bin/work.XXXXXX")
    trap 'rm -rf -- "$work"' EXIT
    # The pinned tools are built without the product's build settings.
    (cd "$top/tools" && GOFLAGS=-mod=readonly CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$work/out/" tool) >&2 ||
      die "the tools of tools/go.mod can't be built"
    mv -- "$work/out" "$dir"
  fi
fi
printf '%s\n' "$dir"
