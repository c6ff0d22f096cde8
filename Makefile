# Every target has one line of help and a few lines of commands; longer ones are scripts.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# The program is pure Go. Only the race detector needs a C compiler.
export CGO_ENABLED := 0

PACKAGES ?= ./...
TEST_FLAGS ?=
RACE ?=
FUZZTIME ?= 1m

# The linter is built from its own module (tools/go.mod), so that its dependencies stay out
# of go.mod, and once per release of Go, because it reads that release's export data.
GOLANGCI_LINT = bin/tools/$(shell go env GOVERSION)/golangci-lint

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Serve the demo on http://127.0.0.1:8000 (DATA_DIR, PORT)
	exec bin/sixty serve --demo

.PHONY: build
build: ## Build bin/sixty
	go build -trimpath -o bin/sixty ./cmd/sixty

.PHONY: test
test: export CGO_ENABLED := $(if $(RACE),1,0)
test: ## Run the tests against real servers (RACE=1, PACKAGES=./internal/crm, TEST_FLAGS="-run X")
	scripts/install-servers
	scripts/with-servers go test -timeout 15m $(if $(RACE),-race) $(TEST_FLAGS) $(PACKAGES)

.PHONY: test-fast
test-fast: ## Run the tests on SQLite alone, without servers, and count the skipped tests (PACKAGES, TEST_FLAGS, LIST=1)
	scripts/test-fast -timeout 10m $(TEST_FLAGS) $(PACKAGES)

.PHONY: lint
lint: ## Check formatting, go vet, golangci-lint, and the scripts
	scripts/lint $(GOLANGCI_LINT)

.PHONY: clients
clients: ## Generate clients from api/openapi.yaml, and run each, and a front end in a browser, against a server
	scripts/install-servers chromium
	scripts/clients

.PHONY: lint-api
lint-api: ## Lint api/openapi.yaml with redocly and spectral
	scripts/clients lint

.PHONY: verify
verify: ## Check that generated code and go.mod are current, and that everything builds
	scripts/verify

.PHONY: bench
bench: ## Measure reads, imports, exports and the start on both engines, compared with bare handlers
	scripts/install-servers
	PROFILE=bench scripts/with-servers go run ./bench

.PHONY: drill
drill: ## Run three instances through failovers, crashes and restarts, and check every answer (DRILL="-only kill")
	scripts/install-servers haproxy
	go build -o bin/drill ./drill
	exec bin/drill $(DRILL)

.PHONY: generate
generate: ## Regenerate the generated code
	go generate ./...

.PHONY: update
update: ## Rewrite the golden files of the tests
	scripts/install-servers
	scripts/with-servers go test $(TEST_FLAGS) $$(go list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./... | awk '/goldentest/ { print $$1 }') -update

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (1m)
	scripts/fuzz $(FUZZTIME)
