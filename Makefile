# The one door to everything that builds, checks, runs or tests this project. Scripts do the work; CI calls only make.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Outside a git checkout (a source archive) the version is "dev".
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
GO_TEST := scripts/go-test.sh -race -shuffle=on -tags e2e,opus,nolibopusfile -timeout 40m -p 2
# Opus is transcoded by libopus, where its headers and a C compiler are there. The names are resolved by Go as in the static binary.
comma := ,
OPUS := $(shell pkg-config --exists opus 2>/dev/null && command -v gcc >/dev/null && echo yes)
FUZZTIME ?= 10s
BENCHTIME ?= 1s
export FUZZTIME

.PHONY: help web web-check web-e2e build connector deps deps-run up demo down test check bench fuzz gen gen-check fmt vuln bench-gateway bench-calls bench-feed compose-test e2e soak clean

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/sidecar, with the agent page if Node.js is there, with opus if libopus-dev is, else static
	@scripts/web-build.sh --if-node
ifeq ($(OPUS),yes)
	CGO_ENABLED=1 go build -trimpath -buildvcs=false -tags opus,nolibopusfile,netgo,osusergo -ldflags '$(LDFLAGS)' -o bin/ ./cmd/sidecar
	@echo 'build: bin/sidecar transcodes opus, and needs libopus0 where it runs'
else
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/ ./cmd/sidecar
	@echo 'build: bin/sidecar is static and does not transcode opus (for that: apt-get install gcc libc6-dev libopus-dev pkg-config)'
endif

connector: ## bin/sidecar-connector.exe, for the Windows PCs of agents
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/sidecar-connector.exe ./cmd/sidecar-connector

deps: ## install what make test needs and this machine lacks
	@scripts/deps.sh test

deps-run:
	@scripts/deps.sh run

up: deps-run ## Asterisk and the sidecar on this host, until Ctrl-C
	@scripts/up.sh

demo: deps-run ## a call between SIP phones of a running `make up`, with its events
	@scripts/demo.sh

down: ## stop a running `make up`
	@scripts/down.sh

web: ## build the agent page into the binary's sources
	@scripts/web-build.sh

web-check: ## the agent page's types, style, tests and size
	@scripts/web-check.sh

web-e2e: deps build ## the agent page in browsers that call each other
	@scripts/web-e2e.sh

test: deps check web-check build ## everything, with the real parts and the race detector
	$(GO_TEST) ./...
	@scripts/web-e2e.sh

e2e: deps build ## only the end-to-end tests
	$(GO_TEST) ./e2e/...
	@scripts/web-e2e.sh

check: ## format, lint, module files, generated files, house rules
	@scripts/check.sh

fmt: ## format the Go sources
	@"$$(scripts/tools.sh)/golangci-lint" fmt ./...

vuln: ## known faults in the dependencies (asks the Go vulnerability database)
	@"$$(scripts/tools.sh)/govulncheck" ./...

gen: ## write the generated files
	@scripts/gen.sh

gen-check: ## fail if a generated file is not what its generator makes
	@scripts/gen.sh --check

soak: deps build ## long cuts of the network, 100,000 events of real calls, and SOAK_KILLS kills in the middle of twenty calls
	@scripts/soak.sh

bench: deps-run build ## benchmarks with allocations, the gateway's legs and whole calls for a few seconds each
	go test $(if $(OPUS),-tags opus$(comma)nolibopusfile) -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	@scripts/bench-gateway.sh --window 5s
	@scripts/bench-calls.sh --for 20s
	@scripts/bench-latency.sh --for 6s

bench-gateway: build ## what a browser's leg costs, beside Asterisk and rtpengine; five to twelve minutes
	@scripts/bench-gateway.sh --window 12s
	@scripts/bench-gateway.sh --targets sidecar --legs 400 --window 45s --json bin/load-400.json

bench-calls: deps-run build ## 20 calls a second for five minutes through the sidecar and Asterisk
	@scripts/bench-calls.sh

bench-feed: deps build ## the CometD feed: deliveries to 1,000 sessions, memory of 10,000, beside the published server; from Asterisk's event to the desktop; two minutes
	@scripts/bench-feed.sh
	@scripts/bench-latency.sh

fuzz: ## each fuzz test for FUZZTIME (10s)
	@scripts/fuzz.sh

compose-test: ## the compose file with a real Docker engine
	scripts/compose-test.sh

clean: ## remove build output (not var/, which holds state)
	rm -rf bin dist web/dist web/test-results
