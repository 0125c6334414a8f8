# What the Makefile at the root does besides, where the library itself is developed. A project does not have this file.
.PHONY: test-all test-fast library-checks
LIBRARY_CHECKS := library-checks
DEVELOPERS := library
# The library is installed from src/, so no lock names it.
LIBRARY := --no-emit-package slipway-ml
INSTALL_LIBRARY = $(UV) pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable src

library-checks: setup
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m style.check
	$(BIN)/codespell docs library src style

# `make test` takes a sample of the thousands of kills, faults and examples.
test-all: setup ## run every test with every kill, fault and example, which takes longer
	@SLIPWAY_ALL_CASES=1 SLIPWAY_BATCH_KILLS=20 SLIPWAY_FUZZ_EXAMPLES=100 $(BIN)/pytest $(ARGS)

test-fast: setup ## run the quick tests of every room, under two minutes on two cores
	@$(BIN)/pytest -m "not slow" $(FAST) $(ARGS)
# Tests that train the flights, kill processes or start Spark run in `make test` only.
FAST := $(addprefix tests/, test_structure.py test_documents.py test_style.py \
	bundle contract inference settings statistics storage tables target \
	batch/test_anomalies.py batch/test_dataset.py batch/test_one_file.py batch/test_quarantine.py \
	cli/test_batch.py \
	commands/retrain/test_pin.py commands/retrain/test_snapshot.py commands/project/test_init.py \
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

# The versions that a new project's locks prefer: those of this lock, which the tests ran with.
AFTER_LOCK = sed -n 's/^\([a-z][^ ]*==.*[^ ]\) *\\$$/\1/p' requirements.lock > src/slipway/commands/project/tested_versions.txt
