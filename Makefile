# Two commands on a fresh machine: `make demo` and `make test`.
# Needs Python 3.11 or newer and make; uv is used where it is found, else venv and pip.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?=
SERVE  ?= 1
PORT   ?= 8765
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -gt 4 ] && echo 4 || echo $$n)

.PHONY: help env env-test demo serve lab test check bench soak lock format clean

help: ## what there is to do
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

env: $(VENV)/.run.stamp ## the environment alone, in .venv, from the lock file
env-test: $(VENV)/.test.stamp

$(VENV)/.run.stamp: requirements.lock pyproject.toml scripts/make_env.sh
	@PYTHON=$(PYTHON) VENV=$(VENV) bash scripts/make_env.sh requirements.lock
	touch $@

$(VENV)/.test.stamp: requirements-test.lock pyproject.toml scripts/make_env.sh
	@PYTHON=$(PYTHON) VENV=$(VENV) bash scripts/make_env.sh requirements-test.lock
	touch $@ $(VENV)/.run.stamp

demo: env ## the main job on real bars, then the web app (SERVE=0 stops before it)
	@$(BIN)/workbench demo
	@if [ "$(SERVE)" != "0" ]; then exec $(BIN)/workbench serve --demo --port $(PORT); fi

serve: env ## the web app
	@exec $(BIN)/workbench serve --port $(PORT)

lab: env ## JupyterLab on notebooks/
	@exec $(BIN)/jupyter lab --notebook-dir notebooks

test: env-test ## the whole suite
	@bash scripts/find_browser.sh || true
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope tests workbench

soak: env-test ## the tests that take many minutes, and the properties on cases never seen
	HYPOTHESIS_PROFILE=new $(BIN)/python -m pytest tests/property tests/parity tests/kernels
	$(BIN)/python -m pytest -m soak --soak -s tests

check: env-test ## ruff, mypy --strict on the package, import-linter
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: env-test ## every figure the README quotes, against its peer in the same run
	@$(BIN)/python -m benchmarks

lock: ## write the lock files anew (needs uv)
	@bash scripts/lock.sh

format: env-test ## put the code into shape
	@$(BIN)/ruff check --fix -q .
	$(BIN)/ruff format -q .

clean: ## remove what was built, never the workspace's data
	@rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache
