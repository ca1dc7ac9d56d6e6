# Sourced by the other scripts: the repository's root, the cache directory, and how a script fails.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${SIDECAR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sidecar}
me=$(basename "$0" .sh)
export top cache

note() { printf '%s: %s\n' "$me" "$*" >&2; }

die() {
  note "$*"
  exit 1
}
