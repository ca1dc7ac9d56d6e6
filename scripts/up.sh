#!/usr/bin/env bash
# Runs Asterisk and the sidecar on this host until Ctrl-C. State is kept in ./var (SIDECAR_VAR names another directory).
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top"
var=${SIDECAR_VAR:-$top/var}
config=$var/sidecar.yaml
pidfile=$var/up.pid
readonly ready_seconds=60
asterisk_pid='' sidecar_pid='' stopping=''

# A text as YAML: a path may hold what YAML takes for more than text.
yaml() { printf "'%s'" "${1//\'/\'\'}"; }

# Written once; from then on it belongs to whoever runs the system.
write_config() {
  [[ -e $config ]] && return
  note "writing $config"
  cat >"$config" <<YAML
# Configuration of \`make up\`: written once, yours to change. \`bin/sidecar config show --config $config\` prints what is in effect;
# sidecar.example.yaml explains every key.
data_dir: $(yaml "$var/data")

asterisk:
  - id: pbx1
    url: http://127.0.0.1:8089
    config_dir: $(yaml "$var/asterisk/etc")

dns:
  # The agents, each with the page in a browser.
  - numbers: ["5001-5020"]
    owner: sidecar
  # The agents of \`make demo\`. They are its own: a DN keeps one phone, and the demo's would push a real one out.
  - numbers: ["5091-5092"]
    owner: phone
    caller_id: Demo {dn}

# The customer of \`make demo\` calls from here.
trunks:
  - name: demo
    kind: peer
    host: 127.0.0.1:5080

routes:
  - number: "8000"
    trunk: demo
    to: dn:5091
YAML
  chmod 600 "$config"
}

# The address that the sidecar listens on, from the effective configuration.
base_url() {
  local listen
  listen=$(bin/sidecar config show --config "$config" | sed -nE 's/^ *listen: *"?([^" #]+:[0-9]+)"?.*/\1/p' | head -n 1)
  printf 'http://%s\n' "${listen:-127.0.0.1:8090}" | sed 's#//0\.0\.0\.0:#//127.0.0.1:#; s#//:#//127.0.0.1:#'
}

# Children are told to end should this script be killed without a chance to end them.
child() {
  if command -v setpriv >/dev/null; then
    exec setpriv --pdeathsig TERM -- "$@"
  fi
  exec "$@"
}

alive() { [[ -n $1 ]] && kill -0 "$1" 2>/dev/null; }

# shellcheck disable=SC2317 # called by the trap
# Ends a child and waits for it; one that won't go within $3 seconds is killed.
finish() {
  local pid=$1 name=$2 i
  alive "$pid" || return 0
  kill -TERM "$pid" 2>/dev/null || true
  for ((i = 0; i < 10 * $3; i++)); do
    alive "$pid" || break
    sleep 0.1
  done
  if alive "$pid"; then
    note "$name did not stop, killing it"
    kill -KILL "$pid" 2>/dev/null || true
  fi
  wait "$pid" 2>/dev/null || true
}

# shellcheck disable=SC2317 # called by the trap
end() {
  local code=$?
  trap - EXIT
  trap '' HUP
  # The sidecar waits for calls of browsers; told again it goes at once.
  # shellcheck disable=SC2064 # the process of now
  trap "${sidecar_pid:+kill -TERM $sidecar_pid 2>/dev/null || true}" INT TERM
  # Nothing may keep this from ending both, not even a terminal that is gone.
  set +e
  [[ -z $asterisk_pid$sidecar_pid ]] || note "stopping (calls of browsers may end; Ctrl-C again ends them)"
  # gateway.drain_timeout and http.drain_timeout, and some.
  finish "$sidecar_pid" sidecar 40
  trap '' INT TERM
  finish "$asterisk_pid" asterisk 15
  rm -f -- "$pidfile"
  [[ -z $stopping ]] || code=0
  exit "$code"
}

# Makes the first users that are missing and prints a few of them; the sidecar says where it keeps all.
print_credentials() {
  local said file
  said=$(bin/sidecar user bootstrap --config "$config")
  printf '  %s\n' "$said"
  file=${said#* are in }
  [[ -r $file ]] || return 0
  grep -v '^#' "$file" | awk -F '\t' 'NR <= 4 { printf "    %-12s password %s  (%s)\n", $1, $2, $3 } END { if (NR > 4) printf "    and %d more\n", NR - 4 }'
  printf '  SIP phones: user = DN; passwords: bin/sidecar dn export --secrets --out - --config %q\n' "$config"
}

# Which of both has died, or nothing.
dead() {
  alive "$asterisk_pid" || { printf 'Asterisk (log: %s)\n' "$var/asterisk/state/log/full"; return; }
  alive "$sidecar_pid" || printf 'the sidecar (log: %s)\n' "$var/sidecar.log"
}

last_words() { tail -n 8 "$var/asterisk.out" "$var/sidecar.log" >&2; }

# While all starts, a signal only leaves a note: a trap that exits in the middle of a function makes bash stumble. Whoever
# goes on to the next step asks here.
stop_if_told() { [[ -z $stopping ]] || exit 0; }

# Asterisk has booted with all its addresses, and the sidecar can use it. What earlier runs wrote ($2 bytes) doesn't count.
is_ready() {
  curl -fsS -o "$var/ready.txt" --max-time 2 "$1/readyz" 2>/dev/null &&
    tail -c "+$(($2 + 1))" "$var/asterisk.out" | grep -q '^asterisk: ready'
}

wait_ready() {
  local url=$1 from=$2 who deadline=$((SECONDS + ready_seconds))
  until is_ready "$url" "$from"; do
    stop_if_told
    who=$(dead)
    [[ -z $who ]] || { last_words; die "ended while starting: $who"; }
    ((SECONDS < deadline)) || { last_words; die "not ready after $ready_seconds s: $(curl -sS --max-time 2 "$url/readyz" 2>&1)"; }
    sleep 0.2
  done
  rm -f -- "$var/ready.txt"
}

# Starts both. In process groups of their own the terminal's Ctrl-C doesn't reach them: this script ends them in order, the
# sidecar first. The lock (descriptor 8) is this script's alone: a child that outlives it must not hold it.
start() {
  set -m
  child bin/asteriskrun -conf "$var/asterisk/etc" -state "$var/asterisk/state" >>"$var/asterisk.out" 2>&1 </dev/null 8>&- &
  asterisk_pid=$!
  child bin/sidecar serve --config "$config" >>"$var/sidecar.log" 2>&1 </dev/null 8>&- &
  sidecar_pid=$!
  set +m
}

# What is built is for everybody; what is kept in $var is not.
build() (
  umask "$1"
  make build
  CGO_ENABLED=0 go build -trimpath -buildvcs=false -o bin/ ./internal/tools/asteriskrun
)

main() {
  local url who from mask started=$SECONDS
  mask=$(umask)
  umask 077
  mkdir -p "$var"
  exec 8>"$var/.lock"
  flock -n 8 || die "already running (pid $(cat "$pidfile" 2>/dev/null || echo unknown)); stop it with make down"
  trap end EXIT
  trap 'stopping=yes' INT TERM HUP
  printf '%s\n' "$$" >"$pidfile"
  build "$mask"
  stop_if_told
  write_config
  bin/sidecar generate --config "$config" --out "$var/asterisk/etc"
  stop_if_told

  touch "$var/asterisk.out"
  from=$(stat -c %s "$var/asterisk.out")
  start
  url=$(base_url)
  wait_ready "$url" "$from"
  note "ready after $((SECONDS - started)) s"
  printf '\n  agent page    %s/\n' "$url"
  [[ -r web/dist/index.html ]] || printf '                (not in this binary: install Node.js 20.19 or newer and run make up again)\n'
  printf '  REST API      %s/api/v1\n  description   %s/openapi.json\n  events        %s/cometd\n  health        %s/readyz\n' "$url" "$url" "$url" "$url"
  printf '  sidecar log   %s\n  asterisk log  %s\n\n' "$var/sidecar.log" "$var/asterisk/state/log/full"
  print_credentials
  printf '\nTwo windows talk: open the page twice (one of them private), log in as 5001 and 5002, dial 5002 from the first.\n'
  printf 'A call to look at without a browser: make demo (in another terminal). Ctrl-C or make down ends both.\n'

  # Only now may a signal end the script where it stands: a note would not end the wait.
  trap 'stopping=yes; exit 0' INT TERM HUP
  stop_if_told
  wait -n "$asterisk_pid" "$sidecar_pid" || true
  who=$(dead)
  last_words
  die "ended by itself: ${who:-one of both}; stopping the other"
}

main "$@"
