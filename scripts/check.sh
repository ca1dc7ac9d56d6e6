#!/usr/bin/env bash
# Everything that can be said about the sources without running them. All steps run; the names of those that failed are
# printed at the end.
set -uo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

cd "$top" || exit 1
bin=$("$top/scripts/tools.sh") || die "the tools are missing"
failed=()

step() {
  local name=$1
  shift
  printf '== %s\n' "$name"
  "$@" || failed+=("$name")
}

# Debian's shellcheck is no dependency of ours: where it is, it is used.
shell_scripts() {
  local -a files
  local file status=0
  mapfile -t files < <(awk 'FNR == 1 && /^#!.*sh/ { print FILENAME }' docker/*) # among them are other files
  files+=(scripts/*.sh .ci/run)
  if command -v shellcheck >/dev/null; then
    shellcheck -x "${files[@]}"
    return
  fi
  printf 'shellcheck is not installed, only the syntax is checked\n'
  for file in "${files[@]}"; do # bash -n looks at its first argument only
    bash -n "$file" || status=1
  done
  return "$status"
}

step 'format (make fmt)' "$bin/golangci-lint" fmt --diff ./...
step 'go vet' go vet -tags e2e ./...
step 'go vet (compose)' go vet -tags compose ./docker
step 'go vet (connector on Windows)' env GOOS=windows GOARCH=amd64 CGO_ENABLED=0 go vet ./connector ./cmd/internal/... ./cmd/sidecar-connector
step 'go mod tidy' go mod tidy -diff
step 'tools: go mod tidy' go -C tools mod tidy -diff
step lint "$bin/golangci-lint" run ./...
step 'generated files' "$top/scripts/gen.sh" --check
step 'house rules' "$top/scripts/source-rules.sh"
step 'shell scripts' shell_scripts

((${#failed[@]} == 0)) || die "failed: $(IFS=,; printf '%s' "${failed[*]}")"
