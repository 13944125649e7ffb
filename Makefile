# Everything a person or CI runs. Needs Python 3.11 or newer with venv, and make; no root.
#   make demo    set up and run the main job on the sandbox
#   make test    set up and pass everything
#   make up      sandbox, fast lane and Dagster's web UI on loopback, until Ctrl-C

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?=
UPGRADE ?=

# The first Python that is new enough; PYTHON=/path/to/python chooses another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)

.PHONY: help install demo up test endurance bench conformance browser lint format lock pictures clean

help:
	@sed -n '2,4p' Makefile | cut -c 3-
	@echo '  also: install endurance bench conformance browser lint format lock pictures clean'

# ---- set up: a virtual environment with exactly what the lock names, then this checkout

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo 'No Python 3.11 or newer was found. Install one, or say which: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11' >&2; exit 1; }
	@test -x $(BIN)/python || { echo "setting up $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); echo 'Python could not make a virtual environment; on Debian and Ubuntu the package python3-venv is missing.' >&2; exit 1; }; }
	@# uv comes out of the lock like all else and installs it in seconds; pip takes a minute and is the way out.
	@awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.lock.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.lock.txt
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" UV_LINK_MODE=copy $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock || { \
		echo 'uv could not install the lock (reason above); trying pip' >&2; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $(STAMP)

install: $(STAMP)

# ---- run

demo: $(STAMP)
	@$(BIN)/order-pipelines demo

up: $(STAMP)
	@$(BIN)/order-pipelines up

# BENCH_ARGS=--small for about a minute; BENCH_ARGS='--write docs/performance.md' keeps the table.
bench: $(STAMP)
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

# ---- check

test: lint
	@echo '== tests'
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m 'not endurance' --ignore=order_pipelines_tests/conformance \
		--ignore=order_pipelines_tests/browser $(PYTEST_ARGS)

# What takes minutes on its own: a kill at each point of a day, an hour of schedules and days of runs on a virtual clock.
endurance: $(STAMP)
	@echo '== endurance'
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m endurance --ignore=order_pipelines_tests/conformance \
		--ignore=order_pipelines_tests/browser $(PYTEST_ARGS)

lint: $(STAMP)
	@echo '== ruff'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo '== mypy'
	@$(BIN)/mypy $(wildcard order_pipelines order_pipelines_tests benchmarks)
	@echo '== imports'
	@$(BIN)/lint-imports
	@echo '== sql'
	@for dialect in postgres duckdb; do $(BIN)/sqlfluff lint sql --dialect $$dialect --processes $(WORKERS) --disable-progress-bar; done
	@echo '== dependencies'
	@$(BIN)/deptry .

# What needs more than the checkout: official specifications, real payloads and data in ../shared, or where
# ORDER_PIPELINES_SHARED says; published clients, installed into .environments from their pins; Node.js.
conformance: $(STAMP)
	@echo '== conformance'
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup order_pipelines_tests/conformance $(PYTEST_ARGS)

# Dagster's pages of a real `up` and the report, in a headless Chromium: an installed one, or Debian's, which is installed
# where nobody has to be asked (as root, with apt-get).
browser: $(STAMP)
	@echo '== browser'
	@$(BIN)/python -m order_pipelines_tests.browser.chromium
	@$(BIN)/python -m pytest -n 0 order_pipelines_tests/browser $(PYTEST_ARGS)

# ---- care

format: $(STAMP)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix sql --processes $(WORKERS) --disable-progress-bar

# `make lock` after a change in pyproject.toml; `make lock UPGRADE=--upgrade` for newer versions.
# One lock for all platforms and Pythons; it holds names, versions and hashes, never an address. Published clients and
# tools that the tests and benchmarks run in environments of their own (.environments) have one each.
LOCK_ARGS := --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet
PINS := $(patsubst %.in,%.txt,$(wildcard order_pipelines_tests/environments/*.in))

lock: $(STAMP)
	@$(BIN)/uv pip compile pyproject.toml --extra dev $(LOCK_ARGS) $(UPGRADE) -o requirements.lock
	@for pins in $(PINS); do $(BIN)/uv pip compile $${pins%.txt}.in $(LOCK_ARGS) $(UPGRADE) -o $$pins; done
	@! grep -nE '://|^-' requirements.lock $(PINS) || { echo 'a lock holds an address (above)' >&2; exit 1; }

# The pictures of the README, on the way that `make browser` goes; needs an installed Chromium.
pictures: $(STAMP)
	@$(BIN)/python -m order_pipelines_tests.docs.pictures

# Keeps settings, the merchant's data and Dagster's history.
clean:
	@rm -rf $(VENV) .environments build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .tmp_dagster_home_*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
