# `make` alone explains itself. Set-up happens by itself, once: .venv is made from a lock file with hashes.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= 2

.PHONY: help demo test clients test-all test-guards fuzz check fix bench bench-revoke bench-scale docs lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: $(READY) ## one request governed end to end, on embedded defaults, in under a minute
	@$(BIN)/exeat demo $(if $(KEEP),--keep)

test: $(READY) clients ## checks and all tests that a change has to pass
	@$(MAKE) --no-print-directory check
	@$(BIN)/pytest -n $(JOBS) --dist loadfile -q tests

clients: $(READY) ## the real clients and servers that the tests use: .venv-clients, .venv-servers, Node in a cache outside the repository
	@scripts/setup-clients
	@scripts/setup-servers
	@if command -v npm >/dev/null; then scripts/setup-node; else echo "npm is missing: the Node clients are skipped"; fi

test-all: test test-guards ## the slow tier too: every guard taken away in turn, and the promises in stock mitmdump and under -O
	@RIG_EXEAT="$(BIN)/python tests/rig/stock.py" $(BIN)/pytest -n $(JOBS) -q tests/blackbox/test_promise_*.py
	@RIG_EXEAT="$(BIN)/python -O -m exeat.cli.main" $(BIN)/pytest -n $(JOBS) -q tests/blackbox tests/matrix

test-guards: $(READY) ## take each guard away and show that its test turns red
	@$(BIN)/python scripts/guards.py $(GUARDS)

fuzz: $(READY) ## look for inputs that break a promise, FUZZ_SECONDS (60) for each target; finds stay in .fuzz
	@$(BIN)/python tests/fuzz/run.py $(FUZZ)

check: $(READY) ## lint, types, import contracts, no assert in product code
	@$(BIN)/ruff format --check -q . && $(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@! grep -rnE '^\s+assert ' proxy --include='*.py' || { echo 'assert is stripped by -O: raise instead'; exit 1; }

fix: $(READY) ## format and mend what can be mended
	@$(BIN)/ruff format -q . && $(BIN)/ruff check -q --fix .

bench: $(READY) ## CPU per request beside eight other ways to carry it, interleaved in one run (no pass or fail)
	@scripts/setup-bench
	@$(BIN)/python scripts/bench.py $(BENCH)

bench-revoke: $(READY) ## trials of revocation over real processes and sockets; fails when one byte comes too late
	@$(BIN)/python scripts/bench_revoke.py $(BENCH)

bench-scale: $(READY) ## what ten thousand open missions cost a decision, a change and a start (no pass or fail)
	@$(BIN)/python scripts/bench_scale.py $(BENCH)

docs: $(READY) ## write the generated pages anew: refusals, issuers, admin API, clients, services, bypass matrix
	@$(BIN)/python scripts/refusals_doc.py
	@$(BIN)/python scripts/issuers_doc.py
	@$(BIN)/python scripts/admin_doc.py
	@$(BIN)/python scripts/clients_doc.py
	@$(BIN)/python scripts/matrix_doc.py -n $(JOBS)

lock: $(READY) ## resolve the dependencies anew (needs uv on PATH)
	@scripts/lock

clean: ## remove everything that was made
	@rm -rf $(VENV) .venv-clients .venv-servers .venv-bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist .demo

$(READY): requirements/dev.lock pyproject.toml scripts/setup
	@scripts/setup $(VENV) && touch $@
