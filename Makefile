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

.PHONY: run test check bench cross clean deps build race fuzz fmt

run: build ## the demo: registries, witnesses, broker, fleet and one gateway
	$(BIN)/citydemo --bin $(BIN) --state $(VAR)/demo $(if $(CAMERA),--camera '$(CAMERA)') $(ARGS)

build: deps
	@mkdir -p $(BIN)
	$(GO) build -tags '$(TAGS)' -o $(BIN)/ ./cmd/...

test: deps ## all tests; ends with go test's own lines
	$(GO) test -tags '$(TAGS)' ./...

# Installs the Debian packages that are missing, and only then. Without root or sudo, or when apt fails, it says so
# and the build goes on with -tags nogocv and the embedded broker.
deps:
	@missing=; \
	pkg-config --exists opencv4 2>/dev/null || missing="libopencv-dev pkg-config"; \
	command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing="$$missing mosquitto"; \
	[ -n "$$missing" ] || exit 0; \
	as=; [ "$$(id -u)" = 0 ] || as=sudo; \
	if [ -n "$$as" ] && ! command -v sudo >/dev/null; then \
		echo "deps: $$missing missing, and neither root nor sudo is here: building with -tags nogocv and the embedded broker" >&2; exit 0; fi; \
	echo "deps: installing $$missing with apt-get (a few minutes, once)" >&2; mkdir -p $(VAR); \
	if ! { $$as apt-get update && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y --no-install-recommends $$missing; } >$(VAR)/apt.log 2>&1; then \
		tail -n 3 $(VAR)/apt.log >&2; \
		echo "deps: apt-get could not install $$missing ($(VAR)/apt.log): building with -tags nogocv and the embedded broker" >&2; fi
