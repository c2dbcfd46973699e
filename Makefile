# Beatkeeper: from a bare clone to a running cluster.
#
# Needs python3 (3.11 or newer) with venv, and make. Everything Python goes into .venv, once;
# afterwards no target needs the network again unless the dependencies change.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
NODES ?= 3
SEEDS ?= 100
LATER_SEEDS ?= $(SEEDS)
INPUTS ?= 1000000
WORKERS ?= auto
ARGS ?=

.PHONY: help run demo test test-root is-root check lint format types imports unit sim model fuzz bench tools clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.runtime ## a cluster of three nodes on this machine, watched until Ctrl-C, then removed
	@exec $(BIN)/ha lab up --nodes $(NODES) --config etc/demo.yaml --watch $(ARGS)

demo: $(VENV)/.runtime ## a failover, shown end to end in seconds; fails if anything shown is not so
	@exec $(BIN)/python -m ha_core.lab.demo $(ARGS)

test: check unit sim ## everything that needs no root: format, lint, types, imports, tests, seeds
	@echo "left out: tests in network namespaces, which need root; run them by: sudo make test-root"

check: lint types imports

lint: $(VENV)/.dev ## format and lint, nothing is changed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(VENV)/.dev ## format the sources and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-cache

# Tests of whole daemons measure time: they run one at a time, after the others.
unit: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) -m "not root and not slow" -rs
	$(BIN)/python -m pytest -m "slow and not root" -rs

sim: $(VENV)/.dev ## SEEDS runs of the simulator with faults, each checked after every event
	$(BIN)/ha sim run --seeds $(SEEDS) --from 1 --json
	$(BIN)/ha sim run --seeds $(LATER_SEEDS) --from 60001 --json

model: ## the lease protocol, searched in every state by spin; sown errors must be found
	@$(or $(PYTHON),python3) models/check.py $(ARGS)

test-root: is-root $(VENV)/.dev ## tests in network namespaces of their own; needs root
	$(BIN)/python -m pytest -m root -rs

is-root:
	@[ "$$(id -u)" -eq 0 ] || { echo "make test-root makes network namespaces and so needs root:" \
		"run 'sudo make test-root'." >&2; exit 1; }

fuzz: $(VENV)/.dev ## INPUTS nearly right requests to the WBEM server's HTTP and XML layers, half to each
	$(BIN)/python -m tests.cim.fuzz.run --target http --inputs $$(($(INPUTS) / 2)) $(ARGS)
	$(BIN)/python -m tests.cim.fuzz.run --target xml --inputs $$(($(INPUTS) / 2)) $(ARGS)

bench: $(VENV)/.dev ## the project's own measurements, printed as a table
	@for script in benchmarks/[a-z]*.py benchmarks/wbem; do echo "== $$script"; $(BIN)/python "$$script" $(ARGS); done

tools: .tools/bin/pywbemcli ## clients that tests use where they are there, in an environment of their own

clean: ## remove everything that can be made again, the environment included
	rm -rf $(VENV) .tools build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed and was not found:" \
		"'apt-get install python3 python3-venv'." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make an environment:" \
		"'apt-get install python3-venv'." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# It wants another version of click than we do.
.tools/bin/pywbemcli: | $(BIN)/python
	@$(PYTHON) -m venv .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check 'pywbemtools>=1.4'

# A stamp holds the packaging half of pyproject.toml: whoever only changes tool settings, or checks
# out another commit, asks no package index.
PACKAGING := sed '/^\[tool\.ruff\]/,$$d' pyproject.toml
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(VENV)/.runtime: pyproject.toml | $(BIN)/python
	@$(PACKAGING) | cmp -s - $@ || $(PIP_INSTALL) -e .
	@$(PACKAGING) > $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@$(PACKAGING) | cmp -s - $@ || $(PIP_INSTALL) -e '.[dev]'
	@$(PACKAGING) | tee $@ > $(VENV)/.runtime
