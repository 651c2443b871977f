# Verbs of the project. Everything runs inside .venv and node_modules; nothing is installed elsewhere.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/.stamps
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Without byte code, every process of the demo and the tests would compile each module again.
unexport PYTHONDONTWRITEBYTECODE

# If the home folder cannot be written, npm and jsii (CDK) cache here.
ifneq ($(shell test -w "$$HOME" || echo no),)
export npm_config_cache ?= $(CURDIR)/.cache/npm
export JSII_RUNTIME_PACKAGE_CACHE_ROOT ?= $(CURDIR)/.cache/jsii
endif

ENVIRONMENT ?= dev
CONTEXT     := -c environment=$(ENVIRONMENT)

.DEFAULT_GOAL := help
.PHONY: help
help: ## Show these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- Set-up: a stamp for each layer, which is installed again only when its file changes -------

$(STAMPS):
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(f"Python 3.11 or newer is needed, $(PYTHON) is {sys.version.split()[0]}; try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $@

# A compiled file names everything: pip resolves nothing, and installs nothing unpinned.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(STAMPS)/%: requirements/%.txt | $(STAMPS)
	$(INSTALL) --no-deps -r $<
	@touch $@

# The CDK CLI and jsii need Node.js 22 or 24: the system's if it is one of them, else PyPI's.
# `cdk` is linked beside python, so that an activated environment finds it.
$(STAMPS)/node: package-lock.json requirements/node.txt | $(STAMPS)
	@node --version 2>/dev/null | grep -Eq '^v(22|24)\.' && command -v npm >/dev/null \
	  || $(INSTALL) --no-deps -r requirements/node.txt
	npm ci --silent --no-audit --no-fund --omit=dev
	@ln -sf ../../node_modules/.bin/cdk $(BIN)/cdk
	@touch $@

# What functions import beyond boto3, as a Lambda layer: wheels for their Python and processor
# (stacks/constructs/common/python_function.py), unzipped only, so that the asset is always the same.
LAYER := $(VENV)/lambda-layer
$(STAMPS)/lambda: requirements/lambda.txt | $(STAMPS)
	@rm -rf $(LAYER) $(LAYER).new
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
	  --implementation cp --python-version 3.14 --platform manylinux_2_28_aarch64 \
	  --dest $(LAYER).new -r $<
	@set -e; for wheel in $(LAYER).new/*.whl; do \
	  $(BIN)/python -m zipfile -e "$$wheel" $(LAYER).new/layer/python; \
	done
	@mv $(LAYER).new/layer $(LAYER)
	@rm -r $(LAYER).new
	@touch $@

# The command `scones`, beside python.
$(STAMPS)/scones: pyproject.toml | $(STAMPS)
	$(INSTALL) --no-deps --editable .
	@touch $@

# The npm packages that only the tests use. After `node`, whose `npm ci` would remove them.
$(STAMPS)/node-dev: $(STAMPS)/node
	npm ci --silent --no-audit --no-fund
	@touch $@

.PHONY: setup
setup: $(STAMPS)/base $(STAMPS)/lambda $(STAMPS)/scones $(STAMPS)/node ## Set up what synth, stage and deploy need

.PHONY: setup-dev
setup-dev: $(STAMPS)/dev $(STAMPS)/lambda $(STAMPS)/scones $(STAMPS)/node-dev ## Set up everything, tests included

# --- Versions: requirements/*.in and package.json name packages, the compiled files pin them ---

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --annotation-style line \
  --custom-compile-command "make update"
UPGRADE = $(if $(PACKAGES),$(PACKAGES:%=--upgrade-package=%),--upgrade)

.PHONY: update update-python update-node
update: update-python update-node ## Pin the newest versions (PACKAGES="numpy scipy" for only some)

# uv keeps the versions in the file that it replaces: so every set gets those of dev, the largest.
update-python: | $(STAMPS)
	@$(INSTALL) --constraint requirements/dev.txt uv
	@$(COMPILE) $(UPGRADE) requirements/dev.in --output-file requirements/dev.txt >/dev/null
	@$(COMPILE) $(UPGRADE) requirements/node.in --output-file requirements/node.txt >/dev/null
	@set -e; for set in base report local sdk lambda; do \
	  cp requirements/dev.txt requirements/$$set.txt; \
	  $(COMPILE) requirements/$$set.in --output-file requirements/$$set.txt >/dev/null; \
	done

# Without a host in the lock file, `npm ci` uses the configured registry.
update-node: $(STAMPS)/node
	@npm update --silent --no-audit --no-fund --package-lock-only --omit-lockfile-registry-resolved $(PACKAGES)

# --- The verbs ---------------------------------------------------------------------------------

# As one word of the shell, whatever characters a path has.
quoted = '$(subst ','\'',$(value $1))'

.PHONY: demo
demo: $(STAMPS)/local $(STAMPS)/lambda $(STAMPS)/scones $(STAMPS)/node ## Run the whole workflow on the local cloud (PICTURES=folder: your own; KEEP=1 destroys nothing)
	@$(BIN)/scones demo $(if $(KEEP),--keep) $(if $(value PICTURES),--pictures $(call quoted,PICTURES))

# For verbs that have another default than ENVIRONMENT=dev.
NAMED_ENVIRONMENT := $(if $(filter-out file,$(origin ENVIRONMENT)),--environment $(ENVIRONMENT))

# Without ENVIRONMENT: settings/acceptance.toml. ARGS=--yes does not ask.
.PHONY: acceptance
acceptance: setup $(STAMPS)/report ## Check in your AWS account what we assume about AWS, then tear down (asks)
	@$(BIN)/scones demo --aws $(NAMED_ENVIRONMENT) $(ARGS)

# Without ENVIRONMENT and CAPTURES: the demo's captures, with the threshold that it had deployed.
CAPTURES ?= $(if $(NAMED_ENVIRONMENT),,out/demo/captures)
DEMO_THRESHOLD = $(shell sed -n 's/^  "threshold": \(.*\),$$/--threshold \1/p' out/demo/report/summary.json)
DEMO_OPTIONS = $(foreach option,dataset truth,$(addprefix --$(option) ,$(wildcard out/demo/datasets/*))) $(DEMO_THRESHOLD)
.PHONY: report
report: $(STAMPS)/report $(STAMPS)/scones ## Report on captures: the demo's, ENVIRONMENT=dev, or CAPTURES=s3://...
	@$(BIN)/scones report $(CAPTURES) $(NAMED_ENVIRONMENT) \
	  $(if $(filter out/demo/captures,$(CAPTURES)),$(DEMO_OPTIONS)) $(ARGS)

# Several processes, because those on a local cloud mostly wait. The slow tests run first.
WORKERS ?= 3
TESTS   ?= tests/local tests/infrastructure tests/unit
.PHONY: test
test: setup-dev ## Run every test: local, infrastructure and unit (TESTS=tests/unit for some)
	@$(BIN)/python -m pytest -n $(WORKERS) --durations 10 $(TESTS)

.PHONY: check
check: lint ## Check style, format and types, and run the unit tests
	@$(BIN)/python -m pytest -n auto -q tests/unit

.PHONY: snapshots
snapshots: setup-dev ## Accept the templates as they are now
	@$(BIN)/python -m pytest tests/infrastructure/test_snapshots.py --snapshot-update

.PHONY: lint
lint: setup-dev ## Check style, format and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

.PHONY: format
format: setup-dev ## Format the code and apply ruff's fixes
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

.PHONY: synth
synth: setup ## Synthesize the templates into cdk.out/
	@cdk synth --quiet $(CONTEXT)

.PHONY: diff
diff: setup ## Show what a deployment would change
	@cdk diff $(CONTEXT)

.PHONY: stage
stage: setup ## Fetch, check and upload the pictures (ARGS="--drawn", ARGS="--pictures PATH")
	@$(BIN)/scones stage --environment $(ENVIRONMENT) $(ARGS)

.PHONY: preflight
preflight: setup ## Check whether a deployment can succeed; changes nothing
	@$(BIN)/scones preflight --environment $(ENVIRONMENT)

.PHONY: deploy
deploy: setup ## Deploy the buckets, stage the pictures, deploy the rest
	@cdk deploy Scones-$(ENVIRONMENT)-Storage $(CONTEXT)
	@$(MAKE) --no-print-directory stage
	@cdk deploy --all $(CONTEXT)

.PHONY: destroy
destroy: setup ## Destroy every stack of the environment
	@cdk destroy --all $(CONTEXT)

.PHONY: sweep
sweep: setup ## List what the destroyed stacks left (ARGS=--delete removes it)
	@$(BIN)/scones sweep --environment $(ENVIRONMENT) $(ARGS)

.PHONY: clean
clean: ## Remove all output, but not .venv and node_modules
	rm -rf cdk.out out .localcloud .hypothesis .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -not -path './node_modules/*' -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## Remove .venv and node_modules as well
	rm -rf $(VENV) node_modules .cache
