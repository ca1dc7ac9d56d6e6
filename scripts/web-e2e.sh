#!/usr/bin/env bash
# The agent page in Chromium against a real sidecar and a real Asterisk: windows log in, register and talk, and are listened to.
# Pictures go to web/test-results.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
files_in_memory
[[ -x ${CHROMIUM:-/usr/bin/chromium} ]] || die "Chromium is missing: apt-get install chromium, or name one in CHROMIUM"
scripts/web-build.sh
dir=$(mktemp -d)
pids=()

# shellcheck disable=SC2317 # called by the trap
end() {
  local code=$? pid
  touch "$dir/ending"
  [[ ! -r $dir/sidecar.pid ]] || pids+=("$(<"$dir/sidecar.pid")")
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  wait
  ((code == 0)) || tail -n "${TAIL:-15}" "$dir"/*.log >&2 || true
  rm -rf -- "$dir"
  exit "$code"
}
trap end EXIT

read -r api ari asterisk sidecar ice rtp < <(node -e '
const net = require("node:net");
const free = () => new Promise((done) => { const s = net.createServer().listen(0, "127.0.0.1", () => { const { port } = s.address(); s.close(() => done(port)); }); });
(async () => console.log(await free(), await free(), await free(), await free(), await free(), 20000 + 2 * Math.floor(Math.random() * 5000)))();')

cat >"$dir/sidecar.yaml" <<YAML
data_dir: $dir/var
http: {listen: "127.0.0.1:$api"}
asterisk: [{id: pbx1, url: "http://127.0.0.1:$ari", config_dir: $dir/etc}]
network: {sip_listen: "127.0.0.1:$asterisk", rtp: {start: $rtp, end: $((rtp + 40))}, sidecar_sip_port: $sidecar}
gateway: {drain_timeout: 60s, ice: {listen: "127.0.0.1:$ice"}, rtp: {start: $((rtp + 50)), end: $((rtp + 90))}}
dns: [{numbers: [5001-5003]}, {numbers: [5004], owner: asterisk-webrtc, password: "page-test-{dn}"}]
YAML
chmod 600 "$dir/sidecar.yaml"
mkdir "$dir/bin"
go build -o "$dir/bin/" ./cmd/sidecar ./internal/tools/asteriskrun
"$dir/bin/sidecar" generate --config "$dir/sidecar.yaml" --out "$dir/etc" >"$dir/generate.log"
"$dir/bin/asteriskrun" -conf "$dir/etc" -state "$dir/state" >"$dir/asterisk.log" 2>&1 </dev/null &
pids+=("$!")
# The test ends the sidecar and wants it back.
(
  while [[ ! -e $dir/ending ]]; do
    "$dir/bin/sidecar" serve --config "$dir/sidecar.yaml" >>"$dir/sidecar.log" 2>&1 </dev/null &
    printf '%s\n' "$!" >"$dir/sidecar.pid"
    wait "$!" || true
  done
) 2>/dev/null & # bash tells of each kill
for ((i = 0; i < 300; i++)); do
  curl -fsS -o "$dir/ready" --max-time 2 "http://127.0.0.1:$api/readyz" 2>/dev/null && break
  sleep 0.1
done
[[ -s $dir/ready ]] || die "the sidecar was not ready within 30 s"

for dn in 5001 5002 5003 5004; do
  printf 'page-test-%s\n' "$dn" | "$dir/bin/sidecar" user add "agent$dn" --config "$dir/sidecar.yaml" --role agent --dns "$dn" >>"$dir/users.log" 2>&1 ||
    die "user add: $(cat "$dir/users.log")"
done
mkdir -p web/test-results
rm -f web/test-results/*.png
node web/e2e/page.mjs "http://127.0.0.1:$api" web/test-results "$dir"
