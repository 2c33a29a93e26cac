# The two commands of the README are `make run` and `make test`; everything they need is installed by `deps`.
SHELL := /bin/bash
.DELETE_ON_ERROR:

VAR   := var
BIN   := $(VAR)/bin
# nogocv is chosen when OpenCV is not there and cannot be installed: file sources only, embedded broker.
TAGS   = $(shell pkg-config --exists opencv4 2>/dev/null || echo nogocv)
GO    := go
ARGS  ?=
CAMERA ?=
FUZZTIME ?= 10s
CYCLES ?= 1000
AXE   := $(VAR)/node_modules/axe-core/axe.min.js

.PHONY: run test check bench soak cross deb test-deb clean build deps deps-test fuzz

run: build ## the demo: registries, witnesses, broker, fleet and one gateway; ARGS=--once, CAMERA=/dev/video0
	@$(BIN)/citydemo --bin $(BIN) --state $(VAR)/demo $(if $(CAMERA),--camera '$(CAMERA)') $(ARGS)

build: deps
	@mkdir -p $(BIN)
	@[ -x $(BIN)/citydemo ] || echo "building; the first time takes a few minutes, most of it for OpenCV and SQLite" >&2
	@$(GO) build -tags '$(TAGS)' -o $(BIN)/ ./cmd/...

# Four packages at once also on two cores: the tests with processes and disks wait more than they compute. All is compiled
# before, since some tests build the commands themselves, and a test's time is limited: OpenCV's C++ takes longer than that
# on a slow machine.
test: deps deps-test ## all tests; ends with go test's own lines
	@$(GO) build -tags '$(TAGS)' ./...
	$(GO) test -p 4 -tags '$(TAGS)' ./...

check: deps ## form, vet, staticcheck, import rules, tidy go.mod
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "not gofmt-ed:" $$out; exit 1; }
	$(GO) vet -tags '$(TAGS)' ./...
	$(GO) vet -tags nogocv ./scanner/... ./cmd/...
	$(GO) tool staticcheck -tags '$(TAGS)' ./...
	$(GO) test ./internal/importrules
	$(GO) mod tidy -diff

bench: ## every benchmark once, with its peers beside it
	$(GO) test -tags nogocv -run '^$$' -bench . -benchtime 1x ./...

# bench-scan [CORPUS=DIR], bench-trust, bench-sync, bench-gateway: the figures of one part beside their peers, also as
# JSON lines in var/bench/. bench-names is apart: eleven million names take minutes and gigabytes.
figures-scan    := -timeout 30m -run BenchScan ./scanner $(if $(CORPUS),-corpus $(abspath $(CORPUS)))
figures-trust   := -timeout 15m -run Figures ./trust ./trust/cache ./trust/registry
figures-names   := -timeout 60m -run ElevenMillionNames ./trust/registry
figures-sync    := -timeout 15m -run 'Figures|Simulated' ./sync/outbox ./sync/uplink ./fleet/ingest ./cmd/cityfleet
figures-gateway := -timeout 15m -run Figures ./edge/kiosk ./cmd/citygate
bench-%: deps-test
	@mkdir -p $(VAR)/bench
	$(GO) test -tags '$(TAGS)' -count 1 -v -p 1 $(figures-$*) -figures $(CURDIR)/$(VAR)/bench/$*.jsonl

soak: deps ## the long forms of the fault tests; CYCLES kills each, and the seed is printed
	$(GO) test -v -timeout 3h -run 'KilledAtRandom|PowerCut' ./sync/outbox -cycles $(CYCLES)
	$(GO) test -v -timeout 3h -run KilledIngest ./fleet/ingest -cycles $(CYCLES)
	$(GO) test -v -timeout 6h -run KilledEverywhere ./cmd/cityfleet -cycles $(CYCLES)
	$(GO) test -v -timeout 3h -run 'NetworkOfItsOwn|WeekWithout' ./sync/uplink -long

fuzz: ## every fuzz target for FUZZTIME
	@for p in $$($(GO) list -tags nogocv ./...); do for f in $$($(GO) test -tags nogocv -list '^Fuzz' $$p | grep '^Fuzz'); do \
		echo "$$p $$f"; $(GO) test -tags nogocv -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; done; done

cross: ## the gateway for boards, tried under qemu-user; TARGETS="arm64-static armhf-static arm64", the last with OpenCV
	@firmware-configs/build/cross.sh $(TARGETS) || [ $$? = 2 ]
	CITYGATE_CROSS=$(abspath $(VAR)/cross) $(GO) test -tags nogocv -count=1 -timeout 1h -run 'TestCrossBuilds|TestBoardsReadTheSame' -v ./firmware-configs ./scanner

deb: deps ## Debian packages into var/deb; ARCHES="amd64 arm64 armhf" (arm64:static without OpenCV)
	@firmware-configs/build/deb.sh $(ARCHES)

test-deb: ## installs the packages in a Debian root and uses them; OPENCV=1 with OpenCV
	@OPENCV=$(OPENCV) firmware-configs/build/test-deb.sh

clean: ## everything that was built or run; the demo's state too
	rm -rf $(VAR)

# The Debian packages that are missing are installed, and only then. Without root or sudo, or when apt fails, this says
# so and the build goes on with -tags nogocv and the embedded broker; tests that need a browser or a PKCS #11 token then skip, and say so.
define install
	@missing="$(strip $(1))"; [ -n "$$missing" ] || exit 0; \
	as=; if [ "$$(id -u)" != 0 ]; then as=sudo; command -v sudo >/dev/null || { \
		echo "$@: $$missing missing, and neither root nor sudo is here: $(2)" >&2; exit 0; }; fi; \
	echo "$@: installing $$missing with apt-get (a few minutes, once)" >&2; mkdir -p $(VAR); \
	$$as apt-get update >$(VAR)/apt.log 2>&1 && \
	$$as env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing >>$(VAR)/apt.log 2>&1 || { \
		tail -n 3 $(VAR)/apt.log >&2; echo "$@: apt-get could not install $$missing (see $(VAR)/apt.log): $(2)" >&2; }
endef
absent = $(if $(shell command -v $(1) || command -v /usr/sbin/$(1)),,$(2))

deps:
	$(call install,$(if $(shell pkg-config --exists opencv4 2>/dev/null && echo yes),,libopencv-dev pkg-config) \
		$(call absent,mosquitto,mosquitto),building with -tags nogocv and the embedded broker)

deps-test:
	$(call install,$(call absent,chromium,chromium fonts-noto-cjk) $(call absent,zint,zint) $(call absent,softhsm2-util,softhsm2),tests that need them are skipped)
	@[ -f $(AXE) ] || { mkdir -p $(VAR) && command -v npm >/dev/null && \
		npm install --prefix $(VAR) --no-save --no-audit --no-fund --ignore-scripts axe-core@4.14.1 >$(VAR)/npm.log 2>&1; } || \
		echo "$@: npm or axe-core is not here (see $(VAR)/npm.log): the pages are not checked by axe-core" >&2
