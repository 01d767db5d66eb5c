# Six everyday words: install, run, test, check, bench, format; beside them flower, soak, chaos, fuzz.
# Plain `make` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help install run test check bench format flower soak chaos fuzz lock

help:  ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

# uv installs the lock in seconds; --require-hashes refuses anything that is not in it.
# Development packages are added to, never taken from, what `run` installed.
$(BIN)/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "mlapi needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	@echo "installing into $(VENV), a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/run.stamp: requirements/run.txt $(BIN)/uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

install: $(VENV)/run.stamp  ## make .venv and install the hash-locked requirements

run: $(VENV)/run.stamp  ## start everything on this machine; Ctrl-C stops it
	@exec $(BIN)/python manage.py up

# Files of tests run side by side: most of them wait for processes more than they compute. Those
# that hold the service to seconds have the machine to themselves.
TESTERS ?= 3
SIDE_BY_SIDE = --numprocesses $(TESTERS) --dist loadfile --no-loadscope-reorder
test: export PYTHONDONTWRITEBYTECODE =  # hundreds of processes start: none compiles our code again
test: $(VENV)/dev.stamp  ## run the tests (real broker, server and browser)
	$(BIN)/python -m pytest -m "not alone" $(SIDE_BY_SIDE)
	$(BIN)/python -m pytest -m alone
	$(BIN)/python -m tests.second_run $(SIDE_BY_SIDE)

check: $(VENV)/dev.stamp  ## linters, types, import contracts, migrations, deployment settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	.ci/check-deploy

format: $(VENV)/dev.stamp  ## format the code and sort the imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The tutorial app has requirements that the service does not; ARGS="--rounds 1" and the like pass on.
benchmarks/.venv/stamp: benchmarks/requirements.txt $(BIN)/uv
	$(PYTHON) -m venv benchmarks/.venv
	$(BIN)/uv pip install --quiet --compile-bytecode --python benchmarks/.venv/bin/python --require-hashes -r benchmarks/requirements.txt
	@touch $@

bench: $(VENV)/run.stamp benchmarks/.venv/stamp  ## measure the lane beside hello-world and the tutorial app
	@$(BIN)/python -m benchmarks.run $(ARGS)

flower: $(VENV)/run.stamp  ## watch workers and tasks in Flower, beside a running `make run`
	@exec $(BIN)/python manage.py flower $(ARGS)

soak: $(VENV)/dev.stamp  ## twenty minutes of all sorts of requests: does memory grow? ARGS="--minutes 5"
	@$(BIN)/python -m benchmarks.soak $(ARGS)

chaos: $(VENV)/dev.stamp  ## callers hang up and versions are promoted under load: is any answer wrong?
	@$(BIN)/python -m benchmarks.chaos $(ARGS)

fuzz: $(VENV)/dev.stamp  ## 50,000 requests out of the OpenAPI document: is every answer as it says? ARGS="--cases 5000"
	@$(BIN)/python -m benchmarks.fuzz $(ARGS)

lock: $(BIN)/uv  ## resolve requirements/*.txt anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --generate-hashes --no-header --python-version 3.11.7 -q --upgrade -o requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --group dev --generate-hashes --no-header --python-version 3.11.7 -q --upgrade -c requirements/run.txt -o requirements/dev.txt
	$(BIN)/uv pip compile benchmarks/requirements.in --generate-hashes --no-header --python-version 3.11.7 -q --upgrade -c requirements/run.txt -o benchmarks/requirements.txt
