#!/usr/bin/env bash
# The agent page's types, style, unit tests, element tests in a browser, build, and size.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

# What the page's script may weigh, compressed as a proxy would; it is at 87 kB, most of it JsSIP.
readonly script_limit=100000

[[ -x ${CHROMIUM:-/usr/bin/chromium} ]] || die "Chromium is missing: apt-get install chromium, or name one in CHROMIUM"
"$top/scripts/web-packages.sh"
cd "$top/web"
npm run --silent check
npm run --silent test
"$top/scripts/web-build.sh"
size=$(cat dist/assets/*.js | gzip -9 | wc -c)
note "the page's script: $size bytes compressed"
((size <= script_limit)) || die "more than $script_limit bytes"
