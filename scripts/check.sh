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
  command -v shellcheck >/dev/null || { printf 'shellcheck is not installed, only the syntax is checked\n'; bash -n scripts/*.sh .ci/run; return; }
  shellcheck -x scripts/*.sh .ci/run
}

step 'format (make fmt)' "$bin/golangci-lint" fmt --diff ./...
step 'go vet' go vet -tags e2e ./...
step 'go mod tidy' go mod tidy -diff
step 'tools: go mod tidy' go -C tools mod tidy -diff
step lint "$bin/golangci-lint" run ./...
step 'generated files' "$top/scripts/gen.sh" --check
step 'house rules' "$top/scripts/source-rules.sh"
step 'shell scripts' shell_scripts

((${#failed[@]} == 0)) || die "failed: $(IFS=,; printf '%s' "${failed[*]}")"
