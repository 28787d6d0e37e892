# Eyrie: the targets that people and CI use. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
# What the build needs of Debian, as command:package.
BUILD_NEEDS := clang:clang cc:gcc
# What the tests need besides.
TEST_NEEDS := $(BUILD_NEEDS) setpriv:util-linux
# What the tests of real containers need; who is not root runs the others, and the skipped ones are counted.
CONTAINER_NEEDS := podman:podman runc:runc dockerd:docker.io containerd:containerd busybox:busybox-static \
	nats-server:nats-server
# Answers Debian's packages that ask whether their services may start.
POLICY := /usr/sbin/policy-rc.d
# What `make lint` needs besides; without npm the check of the protocol files is left out, and says so.
BUF := proto/node_modules/.bin/buf
RULES ?= deploy/rules
UP_FLAGS ?=
OVERHEAD_FLAGS ?=
BENCH_CAPTURE_FLAGS ?=
SHORT_LIVED_FLAGS ?=
REPLAY_BENCH_FLAGS ?=

.PHONY: help
help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Installs what is missing as root on a Debian machine; otherwise says what to install. Some of the packages have services, which are not to run
# here: what says so to Debian's tools (policy-rc.d, asked by invoke-rc.d and by deb-systemd-invoke) is there while it installs, unless the machine
# has one of its own.
define install_needs
	missing=(); \
	for need in $(1); do command -v "$${need%%:*}" >/dev/null || missing+=("$${need##*:}"); done; \
	if [ "$${#missing[@]}" -gt 0 ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing $${missing[*]}"; \
	    ( if ( set -C; printf '#!/bin/sh\nexit 101\n' > $(POLICY) ) 2>/dev/null; then trap 'rm -f $(POLICY)' EXIT; chmod 755 $(POLICY); fi; \
	      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null ); \
	  else \
	    echo "missing: $${missing[*]}. Install them (on Debian as root: apt-get install $${missing[*]}) and run make again." >&2; exit 1; \
	  fi; \
	fi
endef

.PHONY: rust
rust:
	@command -v $(CARGO) >/dev/null || { \
	  echo "missing: the Rust toolchain, 1.95 or newer. Install it (https://rustup.rs) and run make again." >&2; exit 1; }

.PHONY: needs
needs: rust ## Install what the build needs.
	@$(call install_needs,$(BUILD_NEEDS))

.PHONY: build
build: needs ## Build the release binaries.
	$(CARGO) build --release --locked -p eyrie -p capture-agent -p engine-service -p metadata-service

.PHONY: up
up: needs ## Watch this host: agent and engine in one process, alerts on standard output.
	$(CARGO) build --release --locked -p eyrie
	@if [ "$$(id -u)" = 0 ]; then exec target/release/eyrie up --rules $(RULES) $(UP_FLAGS); \
	else echo "loading BPF programs needs root"; exec sudo target/release/eyrie up --rules $(RULES) $(UP_FLAGS); fi

.PHONY: test
test: rust ## Run all tests; the kernel's run for real as root, and leave no BPF program; skipped ones are counted last.
	@$(call install_needs,$(TEST_NEEDS))
	@if [ "$$(id -u)" = 0 ]; then $(call install_needs,$(CONTAINER_NEEDS)); fi
	@log="$$(mktemp)"; told="$$(mktemp)"; trap 'rm -f "$$log" "$$told"' EXIT; \
	status=0; EYRIE_SKIP_LOG="$$log" $(CARGO) test --locked --workspace --no-fail-fast $(TEST_FLAGS) | tee "$$told" || status=$$?; \
	$(CARGO) run --quiet --locked -p integration --bin bpf-left || status=1; \
	skipped="$$(wc -l < "$$log")"; \
	if [ "$$skipped" -gt 0 ]; then echo "skipped, for want of:"; sort "$$log"; fi; \
	echo "tests skipped: $$skipped"; awk -f .ci/failures.awk "$$told"; exit $$status

.PHONY: lint
lint: needs lint-proto ## Check format, lints, documentation and protocol files.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

.PHONY: lint-proto
lint-proto: ## Check the protocol files: style, and that nothing released was renumbered.
	@if command -v npm >/dev/null; then \
	  [ -x $(BUF) ] || npm --prefix proto install --no-package-lock --no-audit --no-fund --loglevel=error; \
	  cd proto && node_modules/.bin/buf lint && node_modules/.bin/buf breaking --against released.binpb; \
	else echo "lint-proto left out: npm is not installed"; fi

.PHONY: proto-release
proto-release: ## Freeze the protocol files as they are: later changes must be compatible with them.
	cd proto && node_modules/.bin/buf build --exclude-source-info -o released.binpb

.PHONY: fields-doc
fields-doc: needs ## Write docs/fields.md anew from the declarations of fields.
	$(CARGO) run --quiet --locked -p eyrie -- fields --format markdown > docs/fields.md.new
	mv docs/fields.md.new docs/fields.md

.PHONY: events-doc
events-doc: needs ## Write docs/events.md anew from the tables of calls and tests.
	$(CARGO) run --quiet --locked -p integration --bin events_doc > docs/events.md.new
	mv docs/events.md.new docs/events.md

.PHONY: corpus
corpus: needs ## Record integration/corpus anew: our own workloads, as root, with podman and make.
	$(CARGO) run --locked -p integration --bin record-corpus

.PHONY: stock-rules-doc
stock-rules-doc: needs ## Write docs/stock-rules.md anew from the lists that tests are held to.
	$(CARGO) run --quiet --locked -p integration --bin stock_rules_doc > docs/stock-rules.md.new
	mv docs/stock-rules.md.new docs/stock-rules.md

.PHONY: kill-test
kill-test: needs ## Kill and restart the engine under a running agent, 50 times in a row.
	EYRIE_REQUIRE=kernel EYRIE_KILL_ROUNDS=50 $(CARGO) test --locked -p integration --test engine_killed -- --nocapture

.PHONY: start-test
start-test: needs ## Start and stop an agent 100 times in one process, which must not grow.
	EYRIE_REQUIRE=kernel EYRIE_START_ROUNDS=100 $(CARGO) test --locked -p capture-agent --test restarts -- --nocapture

.PHONY: overhead
overhead: needs ## Measure what capturing costs, as root on a quiet machine, in about a quarter of an hour (docs/performance.md).
	$(CARGO) run --release --locked -p integration --bin overhead -- --markdown $(OVERHEAD_FLAGS)

.PHONY: bench-capture
bench-capture: needs ## Measure capture by the rules' plan against its goals, as root on a quiet machine, in about 20 minutes (docs/performance.md).
	@$(call install_needs,make:make)
	$(CARGO) run --release --locked -p integration --bin bench-capture -- --markdown $(BENCH_CAPTURE_FLAGS)

.PHONY: short-lived
short-lived: needs ## Start 200 short-lived containers and more, and print what became of their alerts (docs/performance.md).
	@$(call install_needs,$(CONTAINER_NEEDS))
	$(CARGO) run --release --locked -p integration --bin short-lived -- $(SHORT_LIVED_FLAGS)

.PHONY: replay-bench
replay-bench: needs ## Replay recordings of a million events by the stock rules, and print events a second and memory (docs/performance.md).
	$(CARGO) run --release --locked -p integration --bin replay-bench -- $(REPLAY_BENCH_FLAGS)

.PHONY: bench-metadata
bench-metadata: needs ## Measure the metadata service with 100,000 containers, in about a minute (docs/performance.md).
	$(CARGO) run --release --locked -p metadata-service --example load

.PHONY: deny
deny: ## Check licences and advisories of the dependencies (needs cargo-deny).
	$(CARGO) deny check
