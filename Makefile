# The verbs of the project. Each sets up what it needs and says what it is doing.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PYTEST := $(BIN)/python -m pytest -q
SECONDS_OF = $(BIN)/python hack/timed.py

# Modules are compiled once and kept here, whatever the shell says about bytecode: else each worker
# and each operator of the tests compiles them all again, which takes longer than the unit tests.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.build/bytecode

.PHONY: help demo test check unit env soak bench gen lock controlplane clean

help:
	@echo "make demo     show the two-way loop on a real API server (ONCE=1: check each step and exit)"
	@echo "make test     run every test: unit, contract, golden, env"
	@echo "make check    format, lint, types, layers, generated files"
	@echo "make unit     the tests that need no API server"
	@echo "make env      the tests on a real API server and a real Git server"
	@echo "make gen      write crds/, helm/, deploy/ and docs/reference/ from the models"
	@echo "make soak     the property tests with very many examples, and every fault at every moment (an hour or more)"
	@echo "make bench    measure; the figures go to bench/results/"
	@echo "make lock     renew requirements.lock"

$(READY): requirements.lock pyproject.toml
	@echo "==> Setting up .venv with the locked dependencies (about a minute the first time)"
	@$(PYTHON) -m venv .venv || { echo "ebbflow needs Python 3.11 or newer with its venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@$(BIN)/python hack/with_dots.py $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python hack/with_dots.py $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

controlplane: $(READY)
	@echo "==> Looking for a Kubernetes control plane (built once from source if there is none: 4 to 8 minutes)"
	@$(BIN)/python -m ebbflow.devcluster.binaries

demo: controlplane
	@$(BIN)/ebbflow demo $(if $(ONCE),--once)

test: unit env
	@echo "==> All tests passed"

check: $(READY)
	@$(SECONDS_OF) "format" $(BIN)/ruff format --check .
	@$(SECONDS_OF) "lint" $(BIN)/ruff check .
	@$(SECONDS_OF) "spelling" $(BIN)/codespell
	@$(SECONDS_OF) "types" $(BIN)/mypy
	@$(SECONDS_OF) "layers" $(BIN)/lint-imports --no-logo
	@$(SECONDS_OF) "generated files" $(BIN)/python hack/generate.py --check

unit: $(READY)
	@$(SECONDS_OF) "unit tests" $(PYTEST) -n auto --maxprocesses 4 -m "not hypothesis" tests/unit
	@$(SECONDS_OF) "random histories and explored models" $(PYTEST) -n auto --maxprocesses 4 -m "not hypothesis" tests/models
	@EBBFLOW_EXAMPLES=300 $(SECONDS_OF) "property tests, 300 examples each" $(PYTEST) -n auto --maxprocesses 4 -m hypothesis tests/unit tests/models
	@$(SECONDS_OF) "contract, golden and tool tests" $(PYTEST) -n auto --maxprocesses 4 tests/contract tests/golden tests/tools
	@$(SECONDS_OF) "fuzzed parsers: the corpus, and a short search" $(PYTEST) -n auto --maxprocesses 4 tests/fuzz

env: controlplane
	@$(SECONDS_OF) "env tests" $(PYTEST) tests/env

gen: $(READY)
	@$(BIN)/python hack/generate.py

soak: controlplane
	@EBBFLOW_EXAMPLES=20000 $(SECONDS_OF) "property tests, 20000 examples each" $(PYTEST) -n auto --timeout 7200 -m hypothesis tests/unit tests/models
	@EBBFLOW_SEED=$$(date +%s) EBBFLOW_HISTORIES=20000 $(SECONDS_OF) "20000 random histories in memory" $(PYTEST) -n auto --timeout 600 tests/models/test_random_history.py
	@EBBFLOW_EDITS=5000 $(SECONDS_OF) "5000 random edits on real servers" $(PYTEST) tests/env/test_random_history.py
	@EBBFLOW_SOAK=1 $(SECONDS_OF) "write-backs killed anywhere, etcd away for 90 s" $(PYTEST) tests/env/test_write_back_killed.py tests/env/test_etcd_away.py
	@EBBFLOW_SOAK=1 $(SECONDS_OF) "Runs killed anywhere, bursts of 800 Runs under an operator that is killed" $(PYTEST) tests/env/test_run_killed.py tests/env/test_run_concurrency.py
	@EBBFLOW_CYCLES=20 $(SECONDS_OF) "20 clusters with a real node, up and down" $(PYTEST) tests/env/test_devcluster_node_ends.py -k leave_nothing
	@$(SECONDS_OF) "every parser fuzzed for a minute" $(BIN)/python -m tests.fuzz all 60

bench: controlplane
	@$(BIN)/python -m bench

lock: $(READY)
	@$(BIN)/uv pip compile --quiet --generate-hashes --no-annotate --universal --python-version 3.11 \
		--group dev pyproject.toml --output-file requirements.lock --custom-compile-command "make lock"

clean:
	@rm -rf .venv .build .mypy_cache .ruff_cache .import_linter_cache .hypothesis
