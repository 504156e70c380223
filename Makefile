# Everything runs in .venv, filled by plain pip from the pinned lists in requirements/. A stamp file per list makes an
# installation happen once per change of that list. The lists and uv.lock come from one resolution (`make lock`), so any
# of them can share the environment.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
# Two workers: the suite waits for servers and timers often enough to fill two cores, and CI has two.
PYTEST_ARGS ?= -n 2 --dist worksteal
# The short forms; --full for the ones of docs/reliability.md.
RELIABILITY_ARGS ?=
SOAK_MINUTES ?= 30
FUZZ_SECONDS ?= 60

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

# pyright says on every run that a newer one exists; which one runs is decided by requirements/.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test originals peers check check-format check-lint check-bandit check-mypy check-pyright check-planted format bench bench-quick bench-guard bench-record reliability soak fuzz mutants docs lock clean

help:
	@echo "make demo    a tour of the framework on http://127.0.0.1:$(PORT) (PORT=...)"
	@echo "make test    the test suite (PYTEST_ARGS=...)"
	@echo "make originals  the frameworks that dialects are compared with"
	@echo "make peers   further frameworks that the benchmarks compare Nacre with"
	@echo "make check   format, lint and types"
	@echo "make format  repair the format and what lint can repair"
	@echo "make bench   the benchmarks (bench-quick: in three minutes, writing nothing)"
	@echo "make bench-guard  instructions per request against the recorded ones (bench-record: record them)"
	@echo "make reliability  slow readers, big uploads, departures, leaks (RELIABILITY_ARGS=--full)"
	@echo "make soak    requests of every kind for half an hour, and 20 000 of each (SOAK_MINUTES=...)"
	@echo "make fuzz    every parser against bytes made to break it (FUZZ_SECONDS=... each)"
	@echo "make docs    the documentation, into site/"
	@echo "make mutants how many changes to the security modules the tests notice (takes hours)"
	@echo "make lock    resolve the dependencies anew (UPGRADE=--upgrade for newer ones)"
	@echo "make clean   remove everything that make created"

demo: $(VENV)/.runtime-stamp
	@PORT=$(PORT) $(BIN)/python -m examples.tour

test: $(VENV)/.test-stamp originals
	@tests/browser/install.sh
	@tests/defence/install_nginx.sh
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: check-format check-lint check-bandit check-mypy check-pyright check-planted

check-format: $(VENV)/.check-stamp
	@echo "ruff format --check"
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --diff --quiet .; echo "make format repairs this"; exit 1; }

check-lint: $(VENV)/.check-stamp
	@echo "ruff check"
	@$(BIN)/ruff check --quiet .

check-bandit: $(VENV)/.check-stamp
	@echo "bandit"
	@$(BIN)/bandit --recursive src --configfile pyproject.toml --quiet

# The type checkers see what the code and its tests import: pytest for the plugin, the servers, the optional extras.
check-mypy: $(VENV)/.check-stamp $(VENV)/.test-stamp
	@echo "mypy --strict"
	@$(BIN)/mypy --no-error-summary

check-pyright: $(VENV)/.check-stamp $(VENV)/.test-stamp
	@echo "pyright"
	@$(BIN)/pyright --warnings

check-planted: $(VENV)/.check-stamp $(VENV)/.test-stamp
	@echo "planted type errors: mypy, pyright, ty"
	@$(BIN)/python tests/typing/check.py

format: $(VENV)/.check-stamp
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

bench: $(VENV)/.bench-stamp originals peers
	@$(BIN)/python -m bench

bench-quick: $(VENV)/.bench-stamp
	@$(BIN)/python -m bench --quick

# The application is the one of the benchmarks, and all that it stands on is there for the tests.
bench-guard: $(VENV)/.test-stamp
	@bench/install_valgrind.sh
	@$(BIN)/python -m bench.instructions --check

bench-record: $(VENV)/.test-stamp
	@bench/install_valgrind.sh
	@$(BIN)/python -m bench.instructions --record

reliability: $(VENV)/.test-stamp
	@$(BIN)/python -m reliability all $(RELIABILITY_ARGS)

soak: $(VENV)/.test-stamp
	@$(BIN)/python -m reliability leaks soak --full --minutes $(SOAK_MINUTES)

fuzz: $(VENV)/.fuzz-stamp $(VENV)/.test-stamp
	@$(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS)

docs: $(VENV)/.docs-stamp
	@$(BIN)/zensical build --clean --strict

# Systems that don't agree on what they stand on, each in an environment of its own: those that Nacre has dialects of, and
# more peers for the benchmarks.
ORIGINALS := microdot madara flama blacksheep rapidy
PEERS := aiohttp sanic robyn django_bolt

originals: $(ORIGINALS:%=$(VENV)/originals/%/.stamp)

peers: $(PEERS:%=$(VENV)/peers/%/.stamp)

$(VENV)/%/.stamp: requirements/%.txt $(VENV)/.created-stamp
	@echo "Installing requirements/$*.txt"
	@"$(PYTHON)" -m venv --clear $(VENV)/$*
	@$(VENV)/$*/bin/python -m pip --disable-pip-version-check -qq install -r requirements/$*.txt
	@touch $@

LOCKED := runtime test check bench docs fuzz mutants

mutants: $(VENV)/.mutants-stamp $(VENV)/.test-stamp
	@PYTHONPATH=tests $(BIN)/mutmut run --max-children 2
	@$(BIN)/mutmut results

lock: $(VENV)/.created-stamp
	@$(PIP) install "uv>=0.13"
	@$(BIN)/uv lock --quiet $(UPGRADE)
	@for name in $(LOCKED); do \
		case $$name in runtime) choice=--no-default-groups ;; *) choice="--only-group $$name" ;; esac; \
		{ echo "# Written by \`make lock\` from uv.lock."; \
		$(BIN)/uv export --quiet --locked --no-header --no-hashes --no-annotate --no-emit-project $$choice; \
		} >requirements/$$name.txt || exit 1; \
	done
	@echo "uv.lock and requirements/ are up to date"

clean:
	@rm -rf $(VENV) site build dist mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created-stamp:
	@test -n "$(PYTHON)" || { echo "Nacre needs Python 3.11 or later, and there is no python3 on the path." >&2; exit 1; }
	@"$(PYTHON)" -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
		echo "Nacre needs Python 3.11 or later; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)." >&2; \
		echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Creating $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

# The extra `openapi-ui` is a distribution of this repository.
UI := packages/nacre-openapi-ui

$(VENV)/.runtime-stamp: requirements/runtime.txt pyproject.toml $(UI)/pyproject.toml $(VENV)/.created-stamp
	@echo "Installing Nacre and requirements/runtime.txt"
	@$(PIP) install -r requirements/runtime.txt
	@$(PIP) install --no-deps -e . -e $(UI)
	@touch $@

$(VENV)/.%-stamp: requirements/%.txt $(VENV)/.runtime-stamp
	@echo "Installing requirements/$*.txt"
	@$(PIP) install -r requirements/$*.txt
	@touch $@
