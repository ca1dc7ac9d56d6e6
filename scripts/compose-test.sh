#!/usr/bin/env bash
# The compose file with a real Docker engine: builds the images, starts the services, makes calls, restarts the sidecar during
# one, adds a DN to the running Asterisk, and takes everything down. docs/operations.md says what it needs.
#
# The engine is one of its own, so that no image, container or volume of another engine is touched. Its layers are kept in
# the cache directory: the first run takes minutes, later ones less.
set -euo pipefail
# The engine gets a process group of its own: the terminal's Ctrl-C ends the step that runs, and then everything is taken down
# in order, the engine last.
set -m
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

# An address of its own on the loopback interface: a system on 127.0.0.1 may run beside it.
readonly address=127.0.0.77 customer=127.0.0.78:5080 project=sidecar-compose-test
readonly ready_seconds=60
work='' engine_pid='' compose=() everything=()

install_missing() {
  local missing=()
  command -v dockerd >/dev/null && command -v docker >/dev/null || missing+=(docker.io)
  docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || missing+=(docker-compose)
  command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
  command -v curl >/dev/null || missing+=(curl)
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "missing: ${missing[*]} (names of Debian packages); this machine has no apt-get"
  note "installing ${missing[*]}"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"; } \
    >"$work/apt.log" 2>&1 || { tail -n 15 "$work/apt.log" >&2; die "apt-get could not install ${missing[*]}"; }
}

start_engine() {
  local i
  # No bridge and no packet filter rules: every container of ours is on the host's network.
  dockerd --data-root "$cache/docker/data" --exec-root "$work/exec" --pidfile "$work/engine.pid" --host "unix://$work/engine.sock" \
    --bridge=none --iptables=false --ip6tables=false >"$work/engine.log" 2>&1 </dev/null 9>&- &
  engine_pid=$!
  export DOCKER_HOST=unix://$work/engine.sock
  for ((i = 0; i < 300; i++)); do
    docker version >/dev/null 2>&1 && return
    kill -0 "$engine_pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 15 "$work/engine.log" >&2
  die "dockerd did not start"
}

# Compose v2 where it is, else the older docker-compose, which has no use for BuildKit.
select_compose() {
  if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
  else
    compose=(docker-compose)
    export DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
  fi
  compose+=(-f "$top/docker-compose.yml" -f "$top/docker/compose-test.yml" --project-directory "$top" -p "$project")
  everything=("${compose[@]}" --profile nginx --profile coturn)
  export SIDECAR_HOST_ADDRESS=$address SIDECAR_CONFIG=$work/sidecar.yaml
}

# shellcheck disable=SC2317 # called by the trap
end() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  set +e
  if ((code)) && [[ ${#compose[@]} -gt 0 ]]; then
    note "failed; the services' last words:"
    "${everything[@]}" logs --no-color --tail 40 >&2
  fi
  if [[ -n $engine_pid ]]; then
    [[ ${#compose[@]} -eq 0 ]] || "${everything[@]}" down -v --remove-orphans >/dev/null 2>&1
    # The stages that were only built from.
    docker image prune -f >/dev/null 2>&1
    kill -TERM "$engine_pid" 2>/dev/null
    wait "$engine_pid" 2>/dev/null
    # The engine leaves the network namespace that its containers shared with the host.
    umount "$work"/exec/netns/* 2>/dev/null
  fi
  [[ -z $work ]] || rm -rf -- "$work"
  exit "$code"
}

write_config() {
  local dns=$1
  cat >"$work/sidecar.yaml.new" <<YAML
asterisk: [{id: pbx1, url: "http://$address:8089"}]
network: {rtp: {start: 21000, end: 21999}}
dns: [{numbers: [$dns], owner: phone}, {numbers: [5009]}]
trunks: [{name: customers, kind: peer, host: "$customer"}]
routes: [{number: "*", trunk: customers, to: "dn:5001"}]
YAML
  # As the guide says: readable only by the containers' uid.
  chown 10001:10001 "$work/sidecar.yaml.new"
  chmod 600 "$work/sidecar.yaml.new"
  mv -- "$work/sidecar.yaml.new" "$work/sidecar.yaml"
}

wait_ready() {
  local deadline=$((SECONDS + ready_seconds))
  until curl -fsS -o /dev/null --max-time 2 "http://$address:8090/readyz" 2>/dev/null; do
    ((SECONDS < deadline)) || die "not ready after $ready_seconds s: $(curl -sS --max-time 2 "http://$address:8090/readyz" 2>&1)"
    sleep 0.2
  done
}

# The engine's own word on both services, by the images' health checks.
wait_healthy() {
  local service id state deadline=$((SECONDS + ready_seconds))
  for service in "$@"; do
    id=$("${compose[@]}" ps -q "$service")
    until state=$(docker inspect --format '{{.State.Health.Status}}' "$id") && [[ $state == healthy ]]; do
      ((SECONDS < deadline)) || die "$service is $state, not healthy, after $ready_seconds s"
      sleep 0.5
    done
  done
}

in_service() { "${compose[@]}" exec -T "$@"; }

started_at() { docker inspect --format '{{.State.StartedAt}}' "$("${compose[@]}" ps -q "$1")"; }

check_secrets() {
  local loose log
  log=$("${compose[@]}" logs --no-color sidecar)
  [[ $log == *'passwords are in /var/lib/sidecar/credentials.txt'* ]] || die "the sidecar's log does not say where the credentials are"
  # shellcheck disable=SC2016 # for the shell in the container
  loose=$(in_service sidecar sh -c 'find /etc/asterisk /var/lib/sidecar -type f -perm /077 -exec grep -lE "^ *password|secret" {} +' || true)
  [[ -z $loose ]] || die "others may read files with secrets: $loose"
  in_service sidecar cat /var/lib/sidecar/credentials.txt >"$work/credentials.txt"
  in_service sidecar sidecar dn export --secrets --format json --out - >"$work/dns.json"
}

# The image has the page, HTTPS and what browsers' calls need.
check_page() {
  curl -fsSk --max-time 5 "https://$address:8443/" | grep -q '<script type="module"' || die "the page is not in the image"
  # shellcheck disable=SC2016 # for the shell in the container
  in_service sidecar bash -c 'ldd /usr/local/bin/sidecar' | grep -q 'libopus.so.0 => /' || die "the image's sidecar has no libopus"
  [[ $(curl -sS -o /dev/null -w '%{http_code}' --max-time 5 "http://$address:8090/ws") == 400 ]] || die "the gateway does not listen at /ws"
}

# A DN that is added reaches the Asterisk that runs.
check_new_dn() {
  local before endpoint
  before=$(started_at asterisk)
  write_config 5001-5006
  "${compose[@]}" up -d >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; die "up failed after the configuration changed"; }
  endpoint=$(in_service asterisk asterisk -rx 'pjsip show endpoint 5006')
  [[ $endpoint == *InAuth:*5006* ]] || die "the running Asterisk does not know DN 5006: $endpoint"
  [[ $(started_at asterisk) == "$before" ]] || die "Asterisk was restarted for a new DN"
}

check_profiles() {
  "${everything[@]}" up -d >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; die "the profiles did not start"; }
  local deadline=$((SECONDS + ready_seconds))
  until curl -fsSk -o /dev/null --max-time 2 "https://$address/readyz" 2>/dev/null; do
    ((SECONDS < deadline)) || die "nginx does not pass requests on: $(curl -sSk --max-time 2 "https://$address/readyz" 2>&1)"
    sleep 0.2
  done
  # A STUN binding request; the answer is a binding success (0x0101).
  local answer=''
  until [[ $answer == 0101* ]]; do
    ((SECONDS < deadline)) || die "coturn does not answer"
    answer=$(exec 3<>"/dev/udp/$address/3478" &&
      printf '\x00\x01\x00\x00\x21\x12\xa4\x42sidecartest1' >&3 && timeout 1 head -c 20 <&3 | od -An -tx1 | tr -d ' \n') || true
  done
}

calls() {
  go -C "$top" run ./internal/tools/demo --api "http://$address:8090" --sip "$address:5060" --customer "$customer" \
    --credentials "$work/credentials.txt" --dn-secrets "$work/dns.json"
  COMPOSE_TEST_API=http://$address:8090 COMPOSE_TEST_SIP=$address:5060 COMPOSE_TEST_CUSTOMER=$customer \
    COMPOSE_TEST_CREDENTIALS=$work/credentials.txt COMPOSE_TEST_DN_SECRETS=$work/dns.json \
    COMPOSE_TEST_COMMAND="${compose[*]}" go -C "$top" test -race -count=1 -tags compose ./docker
}

step() {
  local name=$1 started=$SECONDS
  shift
  "$@"
  note "$name: $((SECONDS - started)) s"
}

build() { "${everything[@]}" build >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; die "the images do not build"; }; }

up() {
  "${compose[@]}" up -d >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; die "up failed"; }
  wait_ready
  wait_healthy asterisk sidecar
}

main() {
  local started=$SECONDS
  ((EUID == 0)) || die "needs root: it runs a Docker engine of its own"
  umask 077
  mkdir -p "$cache/docker"
  exec 9>"$cache/docker/.lock"
  flock -n 9 || die "another compose test is running"
  trap end EXIT
  trap 'exit 130' INT TERM HUP
  work=$(mktemp -d /tmp/compose-test.XXXXXX)
  "$top/scripts/deps.sh" run
  step 'what was missing' install_missing
  step 'engine' start_engine
  select_compose
  # What an earlier run that was killed has left.
  "${everything[@]}" down -v --remove-orphans >/dev/null 2>&1 || true
  step 'base images' "$top/scripts/docker-base.sh"
  step 'images' build
  write_config 5001-5005
  step 'up' up
  check_secrets
  check_page
  step 'calls' calls
  step 'new DN' check_new_dn
  step 'profiles' check_profiles
  docker images --format '{{.Repository}}:{{.Tag}}	{{.Size}}'
  note "passed in $((SECONDS - started)) s"
}

main "$@"
