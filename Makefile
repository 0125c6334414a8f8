# The two commands: `make ship` (the main job, on the real example) and `make test`.
# Both set up .venv from the hashed lock first, and only again when the lock moves.
SHELL := /bin/bash
.DELETE_ON_ERROR:
PYTHON ?= python3
UV := .uv/bin/uv
BIN := .venv/bin
# As pip and git do: a company's own certificate authority stands in the system's store.
export UV_SYSTEM_CERTS := true

.PHONY: help setup spark ship release test check format lock clean

help: ## what each target does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.locked ## make .venv from requirements.lock, byte-compiled

ship: setup ## train, gate, seal, register, roll out and prove the model
	@$(BIN)/slipway ship $(ARGS)

release: setup ## version, changelog, commit and tag, pushed as one
	@$(BIN)/slipway release $(ARGS)

spark: .venv-spark/.locked ## make .venv-spark from deploy/batch/requirements-spark.lock, for --engine spark and its tests

test: setup ## every test
	@$(BIN)/pytest $(ARGS)

check: setup ## ruff, mypy, import-linter, actionlint and zizmor
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@if compgen -G '.github/workflows/*.yml' >/dev/null; then \
		$(BIN)/actionlint && $(BIN)/zizmor --offline --persona=pedantic .github; fi

format: setup ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(UV) ## resolve again: one resolution, and its subsets for serving and for Spark
	$(UV) pip compile $(LOCK) --group dev pyproject.toml -o requirements.lock
	$(UV) pip compile $(LOCK) --group serving -c requirements.lock pyproject.toml -o deploy/realtime/requirements.lock
	$(UV) pip compile $(LOCK) --group spark -c requirements.lock pyproject.toml -o deploy/batch/requirements-spark.lock
LOCK := --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock"

clean: ## remove what the setup made (never the champion or its store)
	rm -rf .venv .venv-spark .uv dist

$(UV):
	@$(PYTHON) -m venv .uv
	@awk '/^uv==/{found=1} found; found && !/\\$$/{exit}' requirements.lock > .uv/requirements.txt
	@.uv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .uv/requirements.txt

.venv/.locked: requirements.lock pyproject.toml | $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	@echo "installing requirements.lock into .venv ..." >&2
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

# pyspark is half a gigabyte of Java that nothing else needs, so it has an environment of its own.
.venv-spark/.locked: deploy/batch/requirements-spark.lock | $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv-spark
	@echo "installing deploy/batch/requirements-spark.lock into .venv-spark ..." >&2
	@$(UV) pip sync --quiet --require-hashes --python .venv-spark/bin/python deploy/batch/requirements-spark.lock
	@touch $@
