# tabi: durable customer journeys on Temporal. `make` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GO   ?= go
TOOL := $(GO) tool -modfile=tools/go.mod
TEMPORAL_CLI := github.com/temporalio/cli/cmd/temporal@v1.5.1
TEMPORAL_SERVER := v1.29.1
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X github.com/tabi-journeys/tabi/internal/app.Version=$(VERSION)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: build
build: bin/temporal ## Build bin/tabi and bin/tabi-worker; fetch bin/temporal where there is none
	@$(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/tabi ./starter
	@$(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/tabi-worker ./worker
	@ls -1 bin/tabi bin/tabi-worker bin/temporal

# The Temporal command line holds the development server. One in the PATH is used as it is.
bin/temporal:
	@mkdir -p bin
	@if found=$$(command -v temporal); then ln -sf "$$found" $@; \
	else echo "building $(TEMPORAL_CLI), once (3 minutes on 2 cores)"; GOBIN=$(CURDIR)/bin GOFLAGS= $(GO) install $(TEMPORAL_CLI); fi

# Temporal on PostgreSQL, for measurements and crash runs, with the tool for its schema.
bin/temporal-server:
	@mkdir -p bin/build
	@echo "building Temporal's server $(TEMPORAL_SERVER), once (3 minutes on 2 cores)"
	@GOBIN=$(CURDIR)/bin/build GOFLAGS= $(GO) install go.temporal.io/server/cmd/server@$(TEMPORAL_SERVER)
	@GOBIN=$(CURDIR)/bin/build GOFLAGS= $(GO) install go.temporal.io/server/cmd/tools/sql@$(TEMPORAL_SERVER)
	@mv bin/build/sql bin/temporal-sql-tool && mv bin/build/server $@ && rmdir bin/build

# Tools for what is deployed, each from a module of its own, since they depend on half the world.
bin/helm bin/kubeconform: tools/helm/go.mod
	@mkdir -p bin
	@echo "building $@, once"
	@cd tools/helm && CGO_ENABLED=0 $(GO) build -ldflags=-s -o ../../$@ $$(awk '/^\t.*\/cmd\/$(@F)$$/ {print $$1; exit}' go.mod)

bin/promtool: tools/prometheus/go.mod
	@mkdir -p bin
	@echo "building $@, once (3 minutes on 2 cores)"
	@cd tools/prometheus && CGO_ENABLED=0 $(GO) build -ldflags=-s -tags=remove_all_sd -o ../../$@ github.com/prometheus/prometheus/cmd/promtool

# An OpenID Connect provider for trying out the sign-in, and for its tests.
bin/oidc-provider: tools/oidcprovider/go.mod tools/oidcprovider/main.go
	@mkdir -p bin
	@echo "building $@"
	@cd tools/oidcprovider && CGO_ENABLED=0 $(GO) build -o ../../$@ .

.PHONY: manifests
manifests: bin/helm bin/kubeconform bin/promtool ## Check what is deployed: chart, compose, dashboards, alerts
	$(GO) test -count=1 ./deploy/...

.PHONY: vulnerabilities
vulnerabilities: ## Look for known vulnerabilities in called code; needs vuln.go.dev, or GOVULNDB=file:///FOLDER
	@.ci/govulncheck

.PHONY: demo
demo: build ## Play four customers through the journeys, live; CI=1 asserts it and exits
	@CI=$(CI) $(GO) run ./internal/dev/demo

.PHONY: chaos
chaos: build $(if $(findstring --long,$(ARGS)),bin/temporal-server) ## Kill, fill and break everything under 1,000 journeys, and reconcile; ARGS="--long" for 10,000 on PostgreSQL
	@$(GO) run ./internal/dev/chaos $(ARGS)

.PHONY: attacks
attacks: build ## Play attacks of strangers against a gateway and a worker as in production; ARGS="-only merge" plays some
	@$(GO) run ./internal/dev/attacks $(ARGS)

FUZZTIME ?= 1m

.PHONY: fuzz
fuzz: ## Fuzz the gateway, the reader of bounces, the workflow Track and the signals of a run, each for FUZZTIME (1m)
	$(GO) test -run '^$$' -fuzz '^FuzzGateway$$' -fuzztime $(FUZZTIME) ./internal/gateway
	$(GO) test -run '^$$' -fuzz '^FuzzBounce$$' -fuzztime $(FUZZTIME) ./internal/bounce
	$(GO) test -run '^$$' -fuzz '^FuzzTrack$$' -fuzztime $(FUZZTIME) ./activities
	$(GO) test -run '^$$' -fuzz '^FuzzSignals$$' -fuzztime $(FUZZTIME) ./workflows

.PHONY: test
test: build ## Vet and test everything; TESTFLAGS=-v is passed on
	$(GO) vet ./...
	$(GO) test $(TESTFLAGS) ./...

# What is concurrent: whatever runs on PostgreSQL (the rooms of the store), and what serves, relays and acts.
CONCURRENT = ./activities/... ./internal/background/... ./internal/gateway/... ./internal/relay/... ./workflows/... \
	$(addprefix ./,$(sort $(filter-out internal/dev/%,$(patsubst %/,%,$(dir $(shell grep -rl --include='*_test.go' -E '(pgtest|enginetest)\.Main' internal))))))

.PHONY: test-race
test-race: build ## Test what is concurrent under the race detector
	$(GO) test -race -p 2 $(CONCURRENT)

.PHONY: bench
bench: build bin/temporal-server ## Measure what the product promises; BENCH="--parts journeys --server dev" narrows it, BENCH=--long is the long form
	@$(GO) run ./internal/dev/bench $(BENCH)

.PHONY: lint
lint: fmt vet staticcheck workflowcheck rules lint-journeys ## Format, vet, staticcheck, workflowcheck, house rules, journeys

.PHONY: fmt
fmt: ## Name the files that gofmt would change
	@bad=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$bad" ]; then echo "run gofmt -w on:"; echo "$$bad"; exit 1; fi

.PHONY: vet
vet:
	$(GO) vet ./...

.PHONY: staticcheck
staticcheck:
	$(TOOL) staticcheck ./...

.PHONY: workflowcheck
workflowcheck: ## Look for what is not deterministic in workflow code
	$(TOOL) workflowcheck -config workflowcheck.config.yaml ./workflows/...

.PHONY: rules
rules: ## Check the rules of the house: imports, clock, file sizes, registries
	$(GO) test -count=1 ./internal/dev/archtest

.PHONY: lint-journeys
lint-journeys: build ## Lint the journeys that ship, and run their scenarios
	bin/tabi lint --strict journeys
	bin/tabi test journeys

.PHONY: images
images: ## Build the images tabi and tabi-worker, with their lists of contents (SBOM); needs docker
	@for target in tabi worker; do name=tabi; [ $$target = tabi ] || name=tabi-worker; \
	docker buildx build -f deploy/Dockerfile --build-arg VERSION=$(VERSION) --target $$target --sbom=true --provenance=mode=max \
	-t $$name:$(VERSION) $(IMAGEFLAGS) . || exit 1; done

.PHONY: pin-images
pin-images: ## Move base images to the digests that their tags have today; needs docker and the registries
	@deploy/pin-images.sh

.PHONY: clean
clean: ## Remove what make built
	rm -rf bin
