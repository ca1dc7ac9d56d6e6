#!/usr/bin/env bash
# Loads a sidecar and an Asterisk, started here for it, with whole calls on loopback. Arguments go to the tool
# (bin/calls --help), as in
#   scripts/bench-calls.sh --rate 5 --for 20s
# Load, sidecar and Asterisk share the machine: run it with nothing else to do.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
readonly dns=600 browsers=20 ready_seconds=60
go build -trimpath -buildvcs=false -o bin/ ./internal/tools/calls ./internal/tools/asteriskrun
[[ -x bin/sidecar ]] || die "bin/sidecar is missing: make build"
dir=$(mktemp -d) asteriskrun='' sidecar=''

# shellcheck disable=SC2317 # called by the trap
end() {
  local code=$?
  trap - EXIT
  for pid in $sidecar $asteriskrun; do
    kill -TERM "$pid" 2>/dev/null && wait "$pid" || true
  done
  if ((code)) && [[ -s $dir/sidecar.log ]]; then
    tail -n 20 "$dir/sidecar.log" "$dir/asterisk.out" >&2
  fi
  rm -rf -- "$dir"
  exit "$code"
}
trap end EXIT
trap 'exit 130' INT TERM

# Below the system's own ports, and none that make up uses.
cat >"$dir/sidecar.yaml" <<YAML
data_dir: '$dir/var'
http: {listen: 127.0.0.1:17090}
log: {level: warn}
asterisk: [{id: pbx1, url: http://127.0.0.1:17089, config_dir: '$dir/etc'}]
network: {sip_listen: 127.0.0.1:17060, sidecar_sip_port: 17061, rtp: {start: 18000, end: 21999}}
gateway: {ice: {listen: 127.0.0.1:17062}, rtp: {start: 22000, end: 22999}}
trunks: [{name: customers, kind: peer, host: '127.0.0.2:17064'}]
dns:
  - {numbers: ["20000-$((20000 + dns - 1))"], owner: phone, password: "load-test-{dn}"}
  - {numbers: ["$((20000 + dns))-$((20000 + dns + browsers - 1))"], owner: sidecar, password: "load-test-{dn}"}
YAML
chmod 600 "$dir/sidecar.yaml"
bin/sidecar generate --config "$dir/sidecar.yaml" --out "$dir/etc"
: >"$dir/asterisk.out" # it is read before its writer has begun
bin/asteriskrun -conf "$dir/etc" -state "$dir/state" >"$dir/asterisk.out" 2>&1 &
asteriskrun=$!
bin/sidecar serve --config "$dir/sidecar.yaml" >"$dir/sidecar.log" 2>&1 &
sidecar=$!
for ((i = 0; ; i++)); do
  asterisk=$(sed -nE 's/^asterisk: ready, pid ([0-9]+).*/\1/p' "$dir/asterisk.out")
  [[ -n $asterisk ]] && curl -fsS -o "$dir/ready" --max-time 2 http://127.0.0.1:17090/readyz 2>/dev/null && break
  ((i < 5 * ready_seconds)) || die "not ready after $ready_seconds s"
  sleep 0.2
done
bin/calls --api http://127.0.0.1:17090 --sip 127.0.0.1:17060 --customer 127.0.0.2:17064 --credentials "$dir/var/credentials.txt" \
  --sidecar "$sidecar" --asterisk "$asterisk" --dns "$dns" --answer 100 "$@" && code=0 || code=$?
# It logs warnings and errors only: what nobody at a phone has noticed is told here.
printf 'log          %d warnings and errors of the sidecar\n' "$(grep -c 'level=' "$dir/sidecar.log" || true)"
grep -oE 'level=[A-Z]+ msg=("[^"]*"|[^ ]+)' "$dir/sidecar.log" | sort | uniq -c | sort -rn | head -n 10 || true
exit "$code"
