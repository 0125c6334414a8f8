# The two main commands are `make ship` (release the example model on this machine) and `make test`.
# Each target first installs requirements.lock into .venv, if the lock changed since the last time.
SHELL := /bin/bash
.DELETE_ON_ERROR:
PYTHON ?= python3
UV := .uv/bin/uv
BIN := .venv/bin
# pip and git trust the system's certificates too, which is where a company's own certificate authority is.
export UV_SYSTEM_CERTS := true

.PHONY: help setup spark ship release test test-fast check format lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.locked ## create .venv from requirements.lock

ship: setup ## train, gate, seal, register and roll out the model, and verify what is served
	@$(BIN)/slipway ship $(ARGS)

release: setup ## set the version, update the changelog, commit, tag and push
	@$(BIN)/slipway release $(ARGS)

spark: .venv-spark/.locked ## create .venv-spark, for --engine spark and its tests

test: setup ## run every test
	@$(BIN)/pytest $(ARGS)

test-fast: setup ## run the quick tests of every room, under two minutes on two cores
	@$(BIN)/pytest -m "not slow" $(FAST) $(ARGS)
# Tests that train the flights, kill processes or start Spark run in `make test` only.
FAST := $(addprefix tests/, test_structure.py test_documents.py test_style.py \
	bundle contract inference settings statistics storage tables target \
	batch/test_anomalies.py batch/test_dataset.py batch/test_one_file.py batch/test_quarantine.py \
	cli/test_batch.py \
	commands/retrain/test_pin.py commands/retrain/test_snapshot.py commands/test_new_project.py \
	drift/test_detect.py drift/test_labels.py \
	gate/test_holdout.py gate/test_judge.py gate/test_policy.py \
	github/test_download.py github/test_promote.py github/test_release_page.py \
	pipeline/test_cache_key.py project/test_mlprojects.py project/test_units.py \
	realtime/docs realtime/protocols realtime/http/test_admission.py realtime/telemetry/test_metrics.py \
	reporting/test_html_page.py reporting/test_markdown.py reporting/test_suggestions.py \
	rollout/test_rollout.py \
	steps/evaluate steps/validate steps/test_split.py steps/package/test_package_refusals.py \
	versioning/test_checkout_version.py versioning/test_commit_lint.py versioning/test_remote.py \
	workflows/test_rules.py)

check: setup ## check style, types, imports, wording, spelling and workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m style.check
	$(BIN)/codespell *.md docs src components pipeline deploy style .github Makefile slipway.toml pyproject.toml
	@if compgen -G '.github/workflows/*.yml' >/dev/null; then \
		$(BIN)/actionlint && $(BIN)/zizmor --offline --persona=pedantic .github; fi

format: setup ## fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(UV) ## resolve the dependencies: requirements.lock, and its subsets for serving and Spark
	$(UV) pip compile $(LOCK) --group dev pyproject.toml -o requirements.lock
	$(UV) pip compile $(LOCK) --group serving -c requirements.lock pyproject.toml -o deploy/realtime/requirements.lock
	$(UV) pip compile $(LOCK) --group spark -c requirements.lock pyproject.toml -o deploy/batch/requirements-spark.lock
LOCK := --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock"

clean: ## remove the environments and packages (keeps the live release and its store)
	rm -rf .venv .venv-spark .uv dist

# pip verifies uv by the hash in requirements.lock; uv then installs everything else.
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

# pyspark is half a gigabyte of Java that nothing else needs, so it has a separate environment.
.venv-spark/.locked: deploy/batch/requirements-spark.lock | $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv-spark
	@echo "installing deploy/batch/requirements-spark.lock into .venv-spark ..." >&2
	@$(UV) pip sync --quiet --require-hashes --python .venv-spark/bin/python deploy/batch/requirements-spark.lock
	@touch $@
