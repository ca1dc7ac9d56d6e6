#!/usr/bin/env bash
# Gets what this machine lacks. Idempotent: where everything is there it only looks.
#   deps.sh run    what `make up` needs: Go, Asterisk, curl
#   deps.sh test   besides: a C compiler (go test -race), libopus, SIPp, Chromium, ip and iptables, nginx (its service is kept from
#                  running), Node.js with the packages of e2e/node and web, the tools
#   deps.sh bench  besides: rtpengine, which the gateway is compared with; its service is kept from running
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

readonly node_major=20
PATH+=:/usr/sbin:/sbin # where ip and iptables may be

check_go() {
  local want have
  want=$(awk '$1 == "go" { print $2; exit }' "$top/go.mod")
  command -v go >/dev/null ||
    die "Go is missing: install Go $want or newer (https://go.dev/dl/) and put its bin directory into PATH"
  # With GOTOOLCHAIN=auto an older Go fetches the one that go.mod asks for; this says what the build would use.
  have=$(cd "$top" && go env GOVERSION 2>/dev/null) || have=$(GOTOOLCHAIN=local GOFLAGS='' go version | awk '{ print $3 }')
  [[ $(printf '%s\n' "$want" "${have#go}" | sort -V | head -n 1) == "$want" ]] ||
    die "Go is too old: found ${have#go}, needed is $want or newer (https://go.dev/dl/, or set GOTOOLCHAIN=auto)"
}

# Each line: the command to look for, the Debian package that brings it.
missing_packages() {
  local command package
  while read -r command package; do
    command -v "$command" >/dev/null || printf '%s\n' "$package"
  done
  # The keyring that Asterisk's packages are verified with is no command.
  [[ -r /usr/share/keyrings/debian-archive-keyring.gpg || -r /usr/share/keyrings/debian-archive-keyring.pgp ]] ||
    printf 'debian-archive-keyring\n'
}

install_packages() {
  local packages=("$@") as_root=()
  ((${#packages[@]})) || return 0
  command -v apt-get >/dev/null ||
    die "missing: ${packages[*]} (names of Debian packages); this machine has no apt-get, install them by hand"
  if ((EUID != 0)); then
    sudo -n true 2>/dev/null ||
      die "missing: ${packages[*]}; run as root: apt-get install ${packages[*]}"
    as_root=(sudo -n)
  fi
  note "installing ${packages[*]}"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    rm -f -- "$log"
    die "apt-get could not install ${packages[*]}"
  fi
  rm -f -- "$log"
}

check_node() {
  local have
  have=$(node --version)
  have=${have#v}
  ((${have%%.*} >= node_major)) ||
    die "Node.js is too old: found $have, needed is $node_major or newer (Debian 13 and newer bring it)"
}

# The packages are installed again when the lock file is not the one they were installed from.
node_packages() {
  local dir=$top/e2e/node stamp sum
  [[ -r $dir/package.json ]] || return 0
  stamp=$dir/node_modules/.sidecar-lock
  sum=$(sha256sum <"$dir/package-lock.json")
  [[ -r $stamp && $(<"$stamp") == "$sum" ]] && return
  note "installing the packages of e2e/node"
  (cd "$dir" && npm ci --no-fund --no-audit --loglevel=error >&2) || die "npm ci failed in e2e/node"
  printf '%s\n' "$sum" >"$stamp"
}

# Installs a package and starts none of the services that it brings, now or at the next boot.
#   install_without_services PACKAGE SERVICE...
install_without_services() {
  local as_root=() policy=/usr/sbin/policy-rc.d package=$1
  shift
  ((EUID == 0)) || as_root=(sudo -n)
  if [[ ! -e $policy ]]; then
    # Debian's way to say no: invoke-rc.d(8) asks this program.
    "${as_root[@]}" sh -c "printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy"
    trap '"${as_root[@]}" rm -f -- "$policy"' RETURN
  fi
  install_packages "$package"
  ! command -v systemctl >/dev/null || "${as_root[@]}" systemctl mask "$@" >/dev/null 2>&1 || true
}

test_dependencies() {
  local missing
  mapfile -t missing < <(printf '%s\n' 'curl curl' 'gcc gcc' 'pkg-config pkg-config' 'sipp sip-tester' 'node nodejs' 'npm npm' 'chromium chromium' 'ip iproute2' \
    'iptables iptables' | missing_packages)
  # gcc without the C library's headers can't build the race detector's part.
  [[ -r /usr/include/stdlib.h ]] || missing+=(libc6-dev)
  pkg-config --exists opus 2>/dev/null || missing+=(libopus-dev)
  install_packages "${missing[@]}"
  command -v nginx >/dev/null || install_without_services nginx-light nginx.service
  check_go
  check_node
  node_packages
  "$top/scripts/web-packages.sh"
  "$top/scripts/tools.sh" >/dev/null
}

main() {
  local missing
  case ${1-} in
    run)
      mapfile -t missing < <(printf '%s\n' 'curl curl' | missing_packages)
      install_packages "${missing[@]}"
      check_go
      ;;
    test) test_dependencies ;;
    bench)
      test_dependencies
      command -v rtpengine >/dev/null || install_without_services rtpengine-daemon rtpengine-daemon.service rtpengine-recording-daemon.service
      ;;
    *) die "usage: deps.sh run|test|bench" ;;
  esac
  (cd "$top" && go mod download) || die "go mod download failed"
  "$top/scripts/asterisk-install.sh" >/dev/null
}

main "$@"
