# Needs Python 3.11 or newer with venv, and make. `make up ARGS="--domain example.net"` gives options.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
UPGRADE ?= --upgrade
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help up test bench loadtest lint format docs lock

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

up: $(VENV)/runtime ## run a whole cluster on this machine
	@exec $(BIN)/roost up $(ARGS)

test: $(VENV)/test ## run all tests, against the real engines
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

bench: $(VENV)/test ## measure speed and size, and write docs/benchmarks.md
	PYTHONPATH=. $(BIN)/python -m loadtest.bench $(ARGS)

loadtest: $(VENV)/test ## put a cluster on this machine under load for a minute, with a table and a picture
	PYTHONPATH=. $(BIN)/python -m loadtest $(ARGS)

lint: $(VENV)/test ## check style, types and the architecture's contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/test ## bring the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/test ## write the generated pages again
	$(BIN)/roost config --reference > docs/configuration.md
	$(BIN)/roost metrics --reference > docs/metrics.md
	$(BIN)/python helm/generate.py
	PYTHONPATH=. $(BIN)/python -m deploy.grafana

lock: $(VENV)/test ## choose the newest versions that fit, with their hashes (UPGRADE= keeps those chosen)
	$(BIN)/pip install --quiet uv
	$(COMPILE) $(UPGRADE) --all-extras pyproject.toml requirements/build.in -o requirements/test.txt
	$(COMPILE) --extra embedded pyproject.toml requirements/build.in -c requirements/test.txt -o requirements/runtime.txt
	$(COMPILE) --extra tracing pyproject.toml requirements/build.in -c requirements/test.txt -o requirements/image.txt
	$(COMPILE) --extra loadtest pyproject.toml requirements/build.in -c requirements/test.txt -o requirements/loadtest.txt

$(VENV)/runtime: requirements/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Roost needs Python 3.11 or newer, not %d.%d: try make PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/runtime.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/test: requirements/test.txt $(VENV)/runtime
	$(BIN)/pip install --quiet --require-hashes -r requirements/test.txt
	@touch $@
