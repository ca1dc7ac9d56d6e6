#!/usr/bin/env bash
# Builds the agent page into web/dist, where the next go build finds it. --if-node: without Node.js it says so and succeeds.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

case ${1-} in
  '') ;;
  --if-node)
    command -v node >/dev/null || {
      note "no Node.js here: the binary will have no agent page"
      exit 0
    }
    ;;
  *) die "usage: web-build.sh [--if-node]" ;;
esac

"$top/scripts/web-packages.sh"
cd "$top/web"
# Nothing to do while dist is newer than everything that it is made of.
if [[ -r dist/index.html && -z $(find src public index.html package-lock.json vite.config.ts -newer dist/index.html -print -quit) ]]; then
  exit 0
fi
# A go build at the same moment must find the old page or the new one.
new=$(mktemp -d "$top/web/.dist-XXXXXX")
trap 'rm -rf -- "$new"' EXIT
npm run --silent build -- --outDir "$new" >&2
chmod 755 "$new"
rm -rf -- dist
mv -- "$new" dist
