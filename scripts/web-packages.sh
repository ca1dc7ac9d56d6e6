#!/usr/bin/env bash
# Installs the agent page's npm packages when the lock file is not the one they were installed from.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

command -v node >/dev/null || die "Node.js is missing: install Node.js 20.19 or newer, with npm"
# Vite needs it (its package.json, "engines").
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  die "Node.js is too old: found $(node --version), needed is v20.19 or newer"

cd "$top/web"
stamp=node_modules/.sidecar-lock
sum=$(sha256sum <package-lock.json)
[[ -r $stamp && $(<"$stamp") == "$sum" ]] && exit 0
note "installing the packages of web"
npm ci --no-fund --no-audit --loglevel=error >&2 || die "npm ci failed in web"
# Some packages bring Go files; a module of its own keeps them out of ./...
printf 'module node_modules\n' >node_modules/go.mod
printf '%s\n' "$sum" >"$stamp"
