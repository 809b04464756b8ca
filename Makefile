# The words of the project: `make run` to try it, `make test` and `make lint` before a change goes in.

VENV ?= .venv
BIN := $(VENV)/bin
LOCK := project/requirements-dev.lock
STAMP := $(VENV)/.installed
# The tests that touch the database: run a second time, on PostgreSQL. Of those in a browser, a person's whole day.
DATABASE_TESTS ?= tests/unit tests/integration tests/browser/test_day.py
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install run test test-sqlite test-postgres test-browser-postgres lint test-faults test-faults-short test-compose bench bench-full charts peers screenshots messages lock

help:
	@echo "make install        the environment in $(VENV), from the lock"
	@echo "make run            everything on this machine: web, scheduler, worker, broker (PORT=8001 for another port)"
	@echo "make test           the tests, on SQLite and on PostgreSQL"
	@echo "make lint           ruff and mypy"
	@echo "make test-faults    tests that kill and stop processes and servers"
	@echo "make test-faults-short  a few minutes of them, as CI does"
	@echo "make test-compose   the stack of docker-compose.yml, built, started, hurt and watched"
	@echo "make bench          the measurements in benchmarks/, beside the peers (make bench-full: hours)"
	@echo "make charts         draws what was measured into docs/"
	@echo "make screenshots    every screen into var/screenshots, and the pictures in docs/"
	@echo "make messages       the texts to translate, collected from the code, and the translations compiled (needs gettext)"
	@echo "make lock           the newest versions that pyproject.toml allows"

install: $(STAMP)

# PYTHON=… chooses; else python3 if it is new enough, else the newest of the others that really starts.
$(STAMP): $(LOCK)
	@set -e; \
	for python in $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Error: Tickwork needs Python 3.11 or newer, and $(if $(PYTHON),$(PYTHON) is not,none was found). Install it, or name it: make install PYTHON=/path/to/python3" >&2; exit 2; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
		echo "Error: $$found can't make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; \
	fi; \
	if ! mkdir -p $(VENV) 2>/dev/null || [ ! -w $(VENV) ] || ! touch $(VENV)/.writable 2>/dev/null; then \
		echo "Error: $(CURDIR)/$(VENV) can't be written. Put the project into a folder of yours." >&2; exit 2; \
	fi; rm -f $(VENV)/.writable; \
	if ! $(BIN)/python -c 'import pip' >/dev/null 2>&1; then "$$found" -m venv --clear $(VENV); fi; \
	echo "Installing into $(VENV) with $$($(BIN)/python --version) …"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK); \
	touch $@

run: $(STAMP)
	@exec $(BIN)/python manage.py dev

test: test-sqlite test-postgres

test-sqlite: $(STAMP)
	TEST_DATABASE=sqlite $(BIN)/python -m pytest $(PYTEST_ARGS)

test-postgres: $(STAMP)
	TEST_DATABASE=postgres $(BIN)/python -m pytest $(DATABASE_TESTS) $(PYTEST_ARGS)

test-browser-postgres: $(STAMP)
	TEST_DATABASE=postgres $(BIN)/python -m pytest tests/browser $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# FAULT_SEED=N repeats a run; FAULT_SCALE=0.1 shortens it; FAULT_SOAK=3600 lets the soak go on for an hour.
test-faults: $(STAMP)
	TEST_DATABASE=sqlite FAULT_REPORT=var/faults-sqlite.json $(BIN)/python -m pytest tests/faults $(PYTEST_ARGS)
	TEST_DATABASE=postgres FAULT_REPORT=var/faults-postgres.json $(BIN)/python -m pytest tests/faults $(PYTEST_ARGS)

# What CI runs of them, in a few minutes.
test-faults-short: $(STAMP)
	TEST_DATABASE=postgres FAULT_SCALE=0.1 $(BIN)/python -m pytest tests/faults -m short $(PYTEST_ARGS)

test-compose: $(STAMP)
	@$(BIN)/python tests/compose/run.py

bench: $(STAMP) peers
	@$(BIN)/python -m benchmarks

bench-full: $(STAMP) peers
	@$(BIN)/python -m benchmarks --full

charts: $(STAMP)
	@$(BIN)/python -m benchmarks.charts

# What Tickwork is measured against, in an environment of its own.
peers: .venv-peers/.installed

.venv-peers/.installed: $(STAMP) benchmarks/requirements-peers.lock
	$(BIN)/python -m venv --clear .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/requirements-peers.lock
	@touch $@

# SCENES="nothing some" leaves out the one with 100,000 rows.
screenshots: $(STAMP)
	@$(BIN)/python -m docs.screenshots $(SCENES)

# From the code into scheduler/locale/*/LC_MESSAGES/django.po, and from there into django.mo. A test holds them together.
messages: $(STAMP)
	@if ! command -v xgettext >/dev/null; then echo "Error: gettext is needed. On Debian and Ubuntu: apt install gettext" >&2; exit 2; fi
	$(BIN)/python manage.py makemessages --all --no-wrap --add-location file --no-obsolete \
		--ignore tests --ignore benchmarks --ignore docs --ignore tasks --ignore var
	$(BIN)/python manage.py compilemessages --ignore ".venv*" --ignore var

# Two files: what the image runs, and that plus what `make run` and the tests need, in the same versions.
COMPILE = $(BIN)/uv pip compile pyproject.toml --extra project --universal --python-version 3.11 --generate-hashes \
	--quiet --upgrade --custom-compile-command "make lock"

lock:
	$(COMPILE) -o project/requirements.lock
	$(COMPILE) --group dev -c project/requirements.lock -o project/requirements-dev.lock
	$(BIN)/uv pip compile benchmarks/requirements-peers.in --universal --python-version 3.11 --generate-hashes \
		--quiet --upgrade --custom-compile-command "make lock" -o benchmarks/requirements-peers.lock
