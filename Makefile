SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DEFAULT_GOAL := help

GO ?= go
OUT ?= out
ARGS ?=
FUZZTIME ?= 20s
export GOFLAGS ?= -buildvcs=false

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: conformance
conformance: build ## Put vmprobe's prober, or that of ARGS, through every embedded scenario
	bin/vmprobe conformance $(ARGS)

.PHONY: build
build: ## Build bin/vmprobe, one binary without cgo
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/vmprobe ./cmd/vmprobe

LIBVIRT_TAGS := libvirt,libvirt_dlopen

.PHONY: build-libvirt
build-libvirt: ## Build bin/vmprobe with libvirt: needs gcc, and libvirt.so.0 when it runs
	CGO_ENABLED=1 $(GO) build -trimpath -tags $(LIBVIRT_TAGS) -o bin/vmprobe ./cmd/vmprobe

.PHONY: test
test: ## Run all tests
	$(GO) test -shuffle=on -timeout 20m ./...
	@[ -n "$${VMPROBE_REQUIRE_QEMU:-}" ] || echo "not run: cases on real VMs; VMPROBE_REQUIRE_QEMU=1 runs them, with qemu-system-x86 and go run ./hack/guestimage"
	@[ -n "$${VMPROBE_REQUIRE_LIBVIRT:-}" ] || echo "not run: cases on libvirt; VMPROBE_REQUIRE_LIBVIRT=1 go test -tags $(LIBVIRT_TAGS) ./conformance/libvirt/... runs them" \
		"(Debian: apt-get install --no-install-recommends libvirt-daemon libvirt-daemon-driver-qemu qemu-system-x86 gcc libc6-dev)"

.PHONY: race
race: ## Run the tests of packages with goroutines or locks under the race detector, without the longest
	$(GO) test -race -short -timeout 30m -shuffle=on $$(grep -rlE --include='*.go' --exclude-dir=testdata --exclude-dir=adapters \
		'^\s*go (func|\w+[.(])|\.Go\(|"sync(/atomic)?"|\.Parallel\(' cmd conformance fakevm probes scenarios sim | xargs dirname | sort -u | sed 's|^|./|')

.PHONY: determinism
determinism: ## Run everything in many ways and compare the bytes
	$(GO) run ./hack/determinism

ATTEMPTS ?= 1000000
OVERLAY := $(abspath $(OUT))/netoverlay

.PHONY: oracle
oracle: ## Hold it against the blackbox exporter and, over ATTEMPTS (1000000), the kubelet
	$(GO) run ./hack/netoverlay -dir $(OVERLAY)
	$(GO) test -overlay $(OVERLAY)/overlay.json -tags netoverlay ./conformance/door/overlay
	$(GO) -C hack/oracle/blackbox test -overlay $(OVERLAY)/overlay.json -tags netoverlay -v .
	$(GO) -C hack/oracle/kubelet test -overlay $(OVERLAY)/overlay.json -tags netoverlay -timeout 30m -v . -args -attempts $(ATTEMPTS)

.PHONY: mutation
mutation: ## Change the engine in every way; fail when the suite notices less than 95 %
	$(GO) run ./hack/mutation -packages probes/engine -p 2 -seeds 3 -min 95

.PHONY: lint
lint: ## Check layers, style and formatting
	$(GO) tool -modfile=hack/tools/go.mod golangci-lint run
	$(GO) vet ./...

.PHONY: golden
golden: ## Rewrite the golden files, then review the diff
	$(GO) run ./hack/golden

.PHONY: generate
generate: ## Rewrite generated files (JSON Schema, indexes in READMEs)
	$(GO) generate ./...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (default 20s)
	$(GO) run ./hack/fuzz -time $(FUZZTIME)

.PHONY: bench
bench: ## Run the benchmarks that the README quotes
	$(GO) test -run '^$$' -bench . -benchmem ./sim/... ./probes/... ./conformance/...

.PHONY: bench-fleets
bench-fleets: ## Run fleets of up to 100,000 VMs for a virtual hour (five minutes)
	VMPROBE_BENCH_LARGE=1 $(GO) test -run '^$$' -bench Fleet -benchtime 1x ./conformance/simbed

.PHONY: verify
verify: generate ## Check that generated files, modules and formatting are up to date
	$(GO) mod tidy -diff
	git diff --exit-code

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin $(OUT)
