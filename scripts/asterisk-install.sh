#!/usr/bin/env bash
# Puts a real Asterisk 22 into a directory of its own, for tests and for `make up`.
#
# Nothing is installed on the host and no root is needed: Debian's signed packages are downloaded with a private apt state
# and unpacked. The directory carries its own libc, so the host's Debian release doesn't matter; its own loader starts it.
#
#   result   ${SIDECAR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sidecar}/asterisk/root
#   samples  ROOT/etc/asterisk (the package's own sample configuration)
#   stamp    ROOT/.sidecar-stamp (written last; a second run sees it and returns at once)
#
# The mirror's address comes from this machine's apt sources each time the script runs.
set -euo pipefail

readonly want_major=22
readonly suites=(forky sid)
readonly packages=(asterisk asterisk-core-sounds-en asterisk-core-sounds-en-wav asterisk-moh-opsound-wav)
# Raise it when this script lays the tree out differently: roots of an earlier layout are then built anew.
readonly layout=1

cache=${SIDECAR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sidecar}
readonly base=$cache/asterisk
readonly root=$base/root
readonly stamp=$root/.sidecar-stamp
readonly apt_etc=${SIDECAR_APT_ETC:-/etc/apt}
work=

die() {
  printf 'asterisk-install: %s\n' "$*" >&2
  exit 1
}

note() { printf 'asterisk-install: %s\n' "$*" >&2; }

# The stamp's first line is the layout, its second the package version.
installed_version() {
  [[ -r $stamp ]] || return 1
  local have_layout have_version
  { read -r have_layout && read -r have_version; } <"$stamp" || return 1
  [[ $have_layout == "layout $layout" && $have_version == "asterisk "* ]] || return 1
  printf '%s\n' "${have_version#asterisk }"
}

# Every archive address of the one-line form: deb [options] URI suite components.
list_uris() {
  local f
  for f in "$apt_etc/sources.list" "$apt_etc"/sources.list.d/*.list; do
    [[ -r $f ]] || continue
    sed -nE 's/#.*//; s/^[[:space:]]*deb[[:space:]]+(\[[^]]*\][[:space:]]*)?([^[:space:]]+)[[:space:]]+([^[:space:]]+).*/\2 \3/p' "$f"
  done
}

# Every archive address of the deb822 form: stanzas of "Key: value" with continuation lines, apart by empty lines.
deb822_uris() {
  local f
  for f in "$apt_etc"/sources.list.d/*.sources; do
    [[ -r $f ]] || continue
    awk '
      function flush(  n, u, m, s, i, j) {
        if (tolower(v["enabled"]) != "no" && (" " v["types"] " ") ~ /[ \t]deb[ \t]/) {
          n = split(v["uris"], u, /[ \t]+/); m = split(v["suites"], s, /[ \t]+/)
          for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) if (u[i] != "" && s[j] != "") print u[i], s[j]
        }
        delete v; key = ""
      }
      /^#/ { next }
      /^[ \t]*$/ { flush(); next }
      /^[ \t]/ { if (key != "") v[key] = v[key] " " $0; next }
      { key = tolower($0); sub(/:.*/, "", key); val = $0; sub(/^[^:]*:[ \t]*/, "", val); v[key] = val }
      END { flush() }
    ' "$f"
  done
}

# Security archives hold updates of one release only, never the suites wanted here.
mirrors() {
  { deb822_uris; list_uris; } | awk '$1 !~ /security/ && $2 !~ /security/ && !seen[$1]++ { print $1 }'
}

keyring() {
  local k
  for k in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
    [[ -r $k ]] && { printf '%s\n' "$k"; return; }
  done
  die "no Debian archive keyring in /usr/share/keyrings, so packages can't be verified; install the package debian-archive-keyring"
}

# An apt of our own: the machine's proxy and login settings stay, its sources, preferences, hooks and package state do not.
write_apt_conf() {
  local apt=$1
  mkdir -p "$apt"/{etc,state/lists/partial,cache/archives/partial,dpkg}
  : >"$apt/dpkg/status"
  {
    apt-config dump Acquire | grep -vE '^Acquire(::IndexTargets.*)? ' | grep -v '^Acquire::IndexTargets' || true
    cat <<CONF
Dir::Etc "$apt/etc";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "$apt/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::netrc "$apt_etc/auth.conf";
Dir::Etc::netrcparts "$apt_etc/auth.conf.d";
Dir::State "$apt/state";
Dir::State::status "$apt/dpkg/status";
Dir::Cache "$apt/cache";
Dir::Log "$apt";
APT::Architecture "$arch";
APT::Architectures "$arch";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "3";
// A mirror may be a frozen snapshot, whose Release file has run out. The signature is still checked.
Acquire::Check-Valid-Until "false";
Acquire::AllowInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
CONF
  } >"$apt/apt.conf"
}

candidate() {
  apt-cache policy asterisk 2>/dev/null | sed -nE 's/^  Candidate: (.*)/\1/p'
}

# Finds a mirror and suite whose candidate is the wanted major; says why each other one won't do.
select_source() {
  local apt=$1 suite uri version major why=""
  for suite in "${suites[@]}"; do
    while read -r uri; do
      printf 'deb [signed-by=%s] %s %s main\n' "$(keyring)" "$uri" "$suite" >"$apt/etc/sources.list"
      if ! apt-get update -qq --error-on=any >"$apt/update.log" 2>&1; then
        why+=$'\n'"  $uri $suite: $(grep -m1 '^E:' "$apt/update.log" || tail -n 1 "$apt/update.log")"
        continue
      fi
      version=$(candidate)
      major=${version#*:}
      major=${major%%.*}
      if [[ $major == "$want_major" ]]; then
        printf '%s\n' "$version"
        return
      fi
      why+=$'\n'"  $uri $suite: asterisk ${version:-is not there}, needed is major $want_major"
    done < <(mirrors)
  done
  die "no mirror of $apt_etc serves Asterisk $want_major:$why"
}

unpack() {
  local debs=$1 to=$2 d deb
  mkdir -p "$to/usr"
  # Merged /usr first: packages of both layouts then land in the same place.
  for d in bin sbin lib lib64; do
    mkdir -p "$to/usr/$d"
    ln -s "usr/$d" "$to/$d"
  done
  for deb in "$debs"/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$to" --keep-directory-symlink --no-same-owner
  done
  # What the maintainer scripts would have set up. The voice is the one that the sounds package ships.
  local voice
  voice=$(cd "$to/usr/share/asterisk/sounds" && echo en_US_*)
  [[ -d $to/usr/share/asterisk/sounds/$voice ]] || die "the unpacked sounds have no en_US voice (found: $voice)"
  for d in en en_US; do
    [[ -e $to/usr/share/asterisk/sounds/$d ]] || ln -s "$voice" "$to/usr/share/asterisk/sounds/$d"
  done
  [[ -r $to/etc/asterisk/modules.conf ]] || die "the unpacked packages hold no sample configuration (etc/asterisk/modules.conf)"
}

# Runs the unpacked Asterisk's own loader, as every later start does.
asterisk_version() {
  local r=$1 triplet loader
  triplet=$(cd "$r/usr/lib" && echo *-linux-gnu)
  loader=$(echo "$r/usr/lib/$triplet"/ld-linux*.so.*)
  "$loader" --library-path "$r/usr/lib/$triplet:$r/usr/lib" "$r/usr/sbin/asterisk" -V
}

install_root() {
  local apt version seconds=$SECONDS
  work=$(mktemp -d "$base/work.XXXXXX")
  trap 'rm -rf -- "$work"' EXIT
  apt=$work/apt
  write_apt_conf "$apt"
  export APT_CONFIG=$apt/apt.conf
  version=$(select_source "$apt")
  note "downloading Asterisk $version with its libraries (about 110 MB)"
  apt-get install -qq -y --download-only "${packages[@]}" >"$apt/install.log" 2>&1 ||
    die "download failed: $(grep -m3 '^E:' "$apt/install.log" || tail -n 3 "$apt/install.log")"
  unset APT_CONFIG
  unpack "$apt/cache/archives" "$work/root"
  asterisk_version "$work/root" >/dev/null || die "the unpacked Asterisk does not start (asterisk -V failed)"
  printf 'layout %s\nasterisk %s\n' "$layout" "$version" >"$work/root/.sidecar-stamp"
  # A running instance may still use the old root's files: they stay open, only their names go.
  [[ ! -e $root ]] || mv -- "$root" "$work/old"
  mv -- "$work/root" "$root"
  note "installed in $((SECONDS - seconds)) s"
}

main() {
  local tool arch
  if [[ $(installed_version || true) ]]; then
    asterisk_version "$root"
    return
  fi
  for tool in apt-get apt-cache apt-config dpkg-deb dpkg tar flock awk; do
    command -v "$tool" >/dev/null || die "$tool is missing; this script needs a Debian machine (apt, dpkg, tar, util-linux, awk)"
  done
  arch=$(dpkg --print-architecture)
  [[ $(mirrors) ]] || die "no Debian mirror found in $apt_etc: neither sources.list nor sources.list.d names a Debian archive"
  keyring >/dev/null
  mkdir -p "$base"
  exec 9>"$base/.lock"
  flock -n 9 || { note "another installation is running, waiting for it"; flock 9; }
  [[ $(installed_version || true) ]] || install_root
  asterisk_version "$root"
}

main "$@"
