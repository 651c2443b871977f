# Verbs of the project. Everything runs inside .venv and node_modules; nothing is installed elsewhere.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/.stamps
export PATH := $(CURDIR)/$(BIN):$(PATH)

ENVIRONMENT ?= dev
CDK         := cdk
CONTEXT     := -c environment=$(ENVIRONMENT)

.DEFAULT_GOAL := help
.PHONY: help
help: ## Show the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- Set-up: a stamp per layer, redone only when its file changes -----------------------------

$(STAMPS):
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(f"Python 3.11 or newer is needed, $(PYTHON) is {sys.version.split()[0]}; try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $@

$(STAMPS)/%: requirements-%.txt requirements.txt | $(STAMPS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(STAMPS)/base: requirements.txt | $(STAMPS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(STAMPS)/local: requirements-monitoring.txt
$(STAMPS)/dev: requirements-local.txt requirements-monitoring.txt

# The CDK CLI and jsii want Node.js 22 or 24: the system's where it is one of them, else one from PyPI.
# `cdk` is linked beside python, so that an activated environment has it on its path.
$(STAMPS)/node: package-lock.json requirements-node.txt | $(STAMPS)
	@node --version 2>/dev/null | grep -Eq '^v(22|24)\.' && command -v npm >/dev/null \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-node.txt
	npm ci --silent --no-audit --no-fund
	@ln -sf ../../node_modules/.bin/cdk $(BIN)/cdk
	@touch $@

.PHONY: setup
setup: $(STAMPS)/base $(STAMPS)/node ## Set up what synth, stage and deploy need

.PHONY: setup-dev
setup-dev: $(STAMPS)/dev $(STAMPS)/node ## Set up everything, tests included
