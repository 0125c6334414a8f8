# The two main commands are `make ship` (release the model on this machine) and `make test`.
# Each target first installs a lock file into .venv, if the lock changed since the last time.
SHELL := /bin/bash
.DELETE_ON_ERROR:
PYTHON ?= python3
UV := .uv/bin/uv
BIN := .venv/bin
# What .venv has. A CI job that needs less names a smaller one: `make setup LOCK=.github/requirements.lock`.
LOCK := requirements.lock
# pip and git trust the system's certificates too, which is where a company's own certificate authority is.
export UV_SYSTEM_CERTS := true
# Byte code makes each later command faster. A machine that is thrown away after one sets 0: compiling takes longer than that.
export UV_COMPILE_BYTECODE ?= 1
-include src/library.mk # only where the library itself is developed

.PHONY: help setup spark ship release test check format lock audit clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(BIN)/.locked-$(subst /,-,$(LOCK)) ## create .venv from requirements.lock

ship: setup ## train, gate, seal, register and roll out the model, and verify what is served
	@$(BIN)/slipway ship $(ARGS)

release: setup ## set the version, update the changelog, commit, tag and push
	@$(BIN)/slipway release $(ARGS)

spark: .venv-spark/.locked ## create .venv-spark, for --engine spark

test: setup ## run every test
	@$(BIN)/pytest $(ARGS)

check: setup $(LIBRARY_CHECKS) ## check style, spelling and workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell *.md components pipeline deploy .github Makefile slipway.toml pyproject.toml
	@if compgen -G '.github/workflows/*.yml' >/dev/null; then \
		$(BIN)/actionlint && $(BIN)/zizmor --offline --persona=pedantic .github; fi

format: setup ## fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Versions that are locked stay, unless a dependency needs another one; `make lock UPGRADE=yes` takes the newest of all.
lock: $(UV) ## resolve the dependencies: requirements.lock, and a lock for each purpose with the same versions
	$(call resolve,$(or $(DEVELOPERS),dev),requirements.lock)
	$(call resolve,training,components/requirements.lock,./)
	$(call resolve,serving,deploy/realtime/requirements.lock,../../)
	$(call resolve,spark,deploy/batch/requirements-spark.lock,../../)
	$(call resolve,release,.github/requirements.lock,../)
	@$(AFTER_LOCK)
# $(1) is the dependency group, $(2) the lock, and $(3) leads from the lock's folder to vendor/ or, in components/, a link to it:
# uv and pip look for it from there.
define resolve
	$(UV) pip compile --quiet --universal --generate-hashes --python $(PYTHON) --python-version 3.11 --custom-compile-command "make lock" \
		$(if $(UPGRADE),--upgrade) $(LIBRARY) $(if $(3),-c requirements.lock) $(if $(filter-out release,$(1)),pyproject.toml) \
		$(if $(filter training dev,$(1)),$(wildcard components/requirements.in)) --group $(1) -o $(2)
	@awk '/^--find-links/ { if (found++) next; $$0 = "--find-links $(3)vendor" } 1' $(2) > $(2).tmp && mv $(2).tmp $(2)
endef
# The library comes from the wheel in vendor/, or from an index if there is no such folder.
LIBRARY ?= $(if $(wildcard vendor),--find-links vendor --emit-find-links)

audit: setup ## look for known vulnerabilities of the locked packages, apart from .github/audit-exceptions.toml
	@$(BIN)/slipway ci audit

clean: ## remove the environments and packages (keeps the live release and its store)
	rm -rf .venv .venv-spark .uv dist

# pip verifies uv by the hash in requirements.lock; uv then installs everything else.
$(UV):
	@$(PYTHON) -m venv .uv
	@awk '/^uv==/{found=1} found; found && !/\\$$/{exit}' requirements.lock > .uv/requirements.txt
	@.uv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .uv/requirements.txt

$(BIN)/.locked-$(subst /,-,$(LOCK)): $(LOCK) pyproject.toml | $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	@echo "installing $(LOCK) into .venv ..." >&2
	@rm -f $(BIN)/.locked*
	@$(UV) pip sync --quiet --require-hashes --python $(BIN)/python $(LOCK)
	@$(INSTALL_LIBRARY)
	@touch $@

# pyspark is half a gigabyte of Java that nothing else needs, so it has a separate environment.
.venv-spark/.locked: deploy/batch/requirements-spark.lock | $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv-spark
	@echo "installing deploy/batch/requirements-spark.lock into .venv-spark ..." >&2
	@$(UV) pip sync --quiet --require-hashes --python .venv-spark/bin/python deploy/batch/requirements-spark.lock
	@touch $@
