#!/usr/bin/env bash
# Makes the base images that the Dockerfiles name, in the engine of DOCKER_HOST, where no registry can be reached:
#   debian:forky-slim      from Debian's signed packages, with mmdebstrap
#   golang:1.26-bookworm   that, with this machine's Go and the modules that go.sum names, served from a directory
#   node:22-bookworm-slim  that, with this machine's Node.js and npm, and the packages of web in npm's cache
# They stand in for the public images of these names, so never let it loose on an engine that is used for something else.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

readonly debian=debian:forky-slim golang=golang:1.26-bookworm node=node:22-bookworm-slim

# The key of the sources that an image here was made from.
made_from() { docker image inspect --format '{{index .Config.Labels "sidecar.made-from"}}' "$1" 2>/dev/null || true; }

# The Debian archive that this machine uses; none: mmdebstrap's own choice.
mirror() {
  # shellcheck disable=SC2016 # apt's placeholders, not the shell's
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -F '|' '$1 == "Debian" && $2 == "Debian" && !found { print $3; found = 1 }'
}

# Set in the image as well, for the apt-get of the Dockerfiles. A mirror may be a frozen snapshot, whose Release file has run
# out; the signature is still checked.
apt_options() {
  printf -- '--aptopt=%s\n' 'Acquire::Check-Valid-Until "false"' 'Acquire::Retries "3"'
  apt-config dump Acquire | sed -nE 's/^(Acquire::https?::Proxy.*);$/--aptopt=\1/p'
}

make_debian() {
  local log options
  [[ -z $(made_from "$debian") ]] || return 0
  note "making $debian from Debian packages"
  log=$(mktemp)
  mapfile -t options < <(apt_options)
  # ca-certificates: the public image of Go has them, and both come from this one.
  # shellcheck disable=SC2046 # no mirror, no argument
  if ! mmdebstrap --variant=minbase --include=ca-certificates "${options[@]}" forky - $(mirror) 2>"$log" |
    docker import --change 'LABEL sidecar.made-from=packages' - "$debian" >/dev/null; then
    tail -n 15 "$log" >&2
    rm -f -- "$log"
    die "could not make $debian"
  fi
  rm -f -- "$log"
}

make_golang() {
  local key modules context=$work/context
  modules=$(go env GOMODCACHE)
  key=$(cat "$top/go.mod" "$top/go.sum" <(go env GOVERSION) | sha256sum | cut -c 1-16)
  [[ $(made_from "$golang") != "$key" ]] || return 0
  note "making $golang from $(go env GOVERSION) of this machine"
  (cd "$top" && go mod download)
  # Only what this project needs of the machine's module cache. go.sum is checked in the image once more.
  (cd "$top" && GOMODCACHE=$work/modules GOPROXY=file://$modules/cache/download GOSUMDB=off GOFLAGS=-modcacherw go mod download)
  mkdir "$context"
  ln -s "$(go env GOROOT)" "$context/go"
  ln -s "$work/modules/cache/download" "$context/proxy"
  cat >"$context/Dockerfile" <<DOCKERFILE
FROM $debian
COPY go /usr/local/go
COPY proxy /usr/local/go-proxy
ENV PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    GOPATH=/go GOPROXY=file:///usr/local/go-proxy GOSUMDB=off GOTOOLCHAIN=local
LABEL sidecar.made-from=$key
DOCKERFILE
  tar -C "$context" -ch --exclude=./go/test --exclude=./go/api . |
    DOCKER_BUILDKIT=0 docker build -q -t "$golang" - >/dev/null 2>"$work/log" || { cat "$work/log" >&2; die "could not make $golang"; }
}

make_node() {
  local key context=$work/node
  key=$(cat "$top/web/package-lock.json" <(node --version) | sha256sum | cut -c 1-16)
  [[ $(made_from "$node") != "$key" ]] || return 0
  note "making $node from Node.js $(node --version) of this machine"
  mkdir -p "$context/packages"
  cp "$top/web/package.json" "$top/web/package-lock.json" "$context/packages/"
  (cd "$context/packages" && npm ci --no-fund --no-audit --loglevel=error --prefer-offline --ignore-scripts --cache "$context/cache") >&2
  rm -rf -- "$context/packages"
  ln -s "$(npm root -g)/npm" "$context/npm"
  ln -s "$(readlink -f "$(command -v node)")" "$context/node"
  cat >"$context/Dockerfile" <<DOCKERFILE
FROM $debian
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY cache /usr/local/npm-cache
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
ENV npm_config_cache=/usr/local/npm-cache npm_config_offline=true
LABEL sidecar.made-from=$key
DOCKERFILE
  tar -C "$context" -ch . | DOCKER_BUILDKIT=0 docker build -q -t "$node" - >/dev/null 2>"$work/log" || { cat "$work/log" >&2; die "could not make $node"; }
}

main() {
  local tool
  for tool in docker mmdebstrap go node npm apt-get; do
    command -v "$tool" >/dev/null || die "$tool is missing"
  done
  [[ -n ${DOCKER_HOST-} ]] || die "DOCKER_HOST is not set: name the engine that gets the images"
  work=$(mktemp -d)
  trap 'rm -rf -- "$work"' EXIT
  make_debian
  make_golang
  make_node
}

main "$@"
