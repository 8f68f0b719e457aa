# Underpin's few words. "make help" lists them; CI runs the same ones.

.DEFAULT_GOAL := help
.PHONY: help run test lint bench campaign ci migrations openapi sizes
.DELETE_ON_ERROR:

PORT ?= 8000
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# The Django-dependent folders run once more on SQLite, the embedded way to run.
SQLITE_FOLDERS := tests/integration tests/security

help: ## This list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

# The last command is exec'd: it takes the place of the shell, so the SIGTERM that make passes on
# to its child reaches the server itself, which finishes its requests and ends.
run: $(VENV)/.runtime ## Start Underpin here (PORT=8000); ends cleanly on SIGTERM or Ctrl-C
	@$(BIN)/python agents/host-agent/build.py
	@exec $(BIN)/python manage.py run --port $(PORT)

test: $(VENV)/.dev ## All tests, on real PostgreSQL, Redis, containers and Chromium
	@$(BIN)/python scripts/install_test_tools.py
	@$(BIN)/python agents/host-agent/build.py
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest --database sqlite $(SQLITE_FOLDERS)

lint: $(VENV)/.dev ## Style, types, imports, sizes, catalogue, migrations, OpenAPI file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/python scripts/check_sizes.py
	$(BIN)/python -m assessments.catalogue
	$(BIN)/python scripts/check_generated.py

bench: $(VENV)/.dev ## Measure against the budgets; fails when one is missed
	@$(BIN)/python scripts/install_test_tools.py
	@$(BIN)/python agents/host-agent/build.py
	$(BIN)/python benchmarks/run.py

campaign: $(VENV)/.dev ## 500 kills of the agent instead of the few that every test run has
	@$(BIN)/python scripts/install_test_tools.py
	UNDERPIN_KILLS=500 $(BIN)/python -m pytest tests/concurrency/test_kill_agent.py

ci: lint test ## What CI runs: lint, then test

migrations: $(VENV)/.dev ## Write the migrations that the models ask for
	$(BIN)/python scripts/check_generated.py --write-migrations

openapi: $(VENV)/.dev ## Write docs/openapi.yaml anew
	$(BIN)/python scripts/check_generated.py --write-openapi

sizes: $(VENV)/.dev ## Print the size report
	@$(BIN)/python scripts/check_sizes.py --all

# The stamp files carry the time of the last install: a second run installs nothing.
$(VENV)/.runtime: requirements/runtime.txt | $(BIN)/python
	@echo "Installing what Underpin needs into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes -r $<
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "Installing what its tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes -r $<
	@touch $@

$(BIN)/python:
	@sh scripts/make_venv.sh $(VENV) $(PYTHON)
