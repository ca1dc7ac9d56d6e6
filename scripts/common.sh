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

# Files of tests are in memory where there is plenty of it: the disk of a build server stands still for seconds now and then, and an
# event log that does not answer for two sends the desktops away, as it should. What a killed process has written is there either way.
files_in_memory() {
  local free
  free=$(df --output=avail -B1G /dev/shm 2>/dev/null | tail -n 1) || return 0
  ((free >= 8)) || return 0
  export GOTMPDIR=/dev/shm TMPDIR=/dev/shm
}
