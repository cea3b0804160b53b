# make demo: sets up and opens the demo. make test: sets up and passes every test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Modules side by side, in order: the long ones come first, and a module's scene is played once.
SIDE_BY_SIDE := -n 6 --dist loadscope --no-loadscope-reorder

# make model: builds the engine for a local language model and fetches the tests' tiny one.
.PHONY: demo setup setup-dev model system-packages check test test-fast lock clean

demo: setup
	$(BIN)/guardia demo $(DEMO_ARGS)

setup: $(VENV)/.runtime

setup-dev: $(VENV)/.dev

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "python3 has no venv here. Install it: sudo apt-get install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.runtime: $(VENV)/.python requirements.lock pyproject.toml agent/pyproject.toml
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e ./agent -e .
	$(BIN)/python -m intents.build
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# Nothing but a local model needs this: neither the bot without one nor the demo.
model: $(VENV)/.model

$(VENV)/.model: $(VENV)/.runtime requirements-model.lock deploy/model/install.sh deploy/model/check.py
	deploy/model/install.sh $(BIN)/python
	@touch $@

# What the tests start as scratch instances on loopback: never the machine's own services.
system-packages:
	@deploy/system-packages.sh

# Real servers to try things on by hand: prints where they listen, runs until Ctrl+C.
.PHONY: lab
lab: setup-dev system-packages
	@$(BIN)/python -m tests.lab

check: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup-dev system-packages model check
	$(BIN)/pytest $(SIDE_BY_SIDE)

test-fast: setup-dev
	$(BIN)/pytest -n 2 tests/unit tests/contract

# How well texts are understood. EVALS="a.jsonl b.jsonl" adds files of expectations.
.PHONY: eval
eval: setup-dev
	$(BIN)/python bench/intents.py tests/cases/intents/*.jsonl $(EVALS)

# The zip for the Teams admin center: make teams-package APP_ID=… ADDRESS=https://guardia.example.go.kr
.PHONY: teams-package
teams-package:
	@$(PYTHON) deploy/teams/package.py --app-id "$(APP_ID)" --address "$(ADDRESS)"

lock:
	$(BIN)/uv pip compile pyproject.toml agent/pyproject.toml deploy/build.in --universal --python-version 3.11 \
		--generate-hashes --no-emit-package guardia-agent --no-header --upgrade --quiet \
		--no-annotate -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml agent/pyproject.toml deploy/build.in --universal --python-version 3.11 \
		--extra dev --generate-hashes --no-emit-package guardia-agent --no-header --upgrade --quiet \
		--no-annotate -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile deploy/model/model.in --no-deps --universal --python-version 3.11 \
		--generate-hashes --no-header --upgrade --quiet \
		--no-annotate -c requirements-dev.lock -o requirements-model.lock

clean:
	rm -rf $(VENV) .demo build dist *.egg-info agent/*.egg-info
