# Every command of the product. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
UV_VERSION := 0.13.9
PIP_AUDIT_VERSION := 2.10.1
BANDIT_VERSION := 1.9.4
BIN := .venv/bin
export PYTHONPATH := $(CURDIR)/include
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help run run-once retrain-future-skills export-dataset train-model evaluate-model reset migrate check-hr hr-grants registry compare model-card resign extras extras-keras extras-cluster bench bench-celery bench-gate experiment promote deploy rollback republish drift bench-estimators bench-extended env-example bench-dashboard bench-refreshes scaling-page bench-drift test test-all lint format requirements secrets up down logs compose-test clean mails audit soak

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-21s %s\n", $$1, $$2}'
	echo "  Settings: DATA=demo|<folder>  PAIR_SCOPE=all|evidence  HR_DSN=...  APPROVAL=auto|required  DEPLOY=auto|manual  PUBLISH=on|off  PORT=8080"
	echo "  Whose command it is: AIRFLOW_URL, AIRFLOW_USER, AIRFLOW_PASSWORD or AIRFLOW_TOKEN (default: a demo user of the running \`make run\` who may)"

.venv/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed; this is $$($(PYTHON) --version). Name another with PYTHON=..." >&2; exit 1; }
	echo "Installing the pinned packages into .venv ..."
	$(PYTHON) -m venv .venv
	{ $(BIN)/python -m pip install --quiet uv==$(UV_VERSION) && $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.txt; } \
	  || $(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.txt
	@{ $(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-dev.txt; } \
	  || $(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

run: .venv/.installed ## Start everything, run one chain, keep serving the Airflow UI until Ctrl-C
	@exec $(BIN)/python -m runtime.run

run-once: .venv/.installed ## The same, and stop when the chain has ended (prints `outcome: N`)
	@exec $(BIN)/python -m runtime.run --once

retrain-future-skills: .venv/.installed ## A whole chain now, in the running Airflow (MODEL_VERSION=v2: train as that one was)
train-model: .venv/.installed ## The same with ESTIMATOR= PREPROCESSING= FEATURE_SET= PARAMETERS= DATASET= AS_OF=
evaluate-model: .venv/.installed ## Evaluate and judge a version again (VERSION=, default: the newest)
export-dataset: .venv/.installed ## A dataset to look at; starts nothing (AS_OF=)
experiment: .venv/.installed ## Compare estimators (ESTIMATORS="random_forest,ridge" PREPROCESSINGS=target,onehot FEATURE_SETS=core,extended DATASET=)
promote: .venv/.installed ## Read the open approval; answer it with VERSION= (or DIGEST=) ANSWER=approve|reject REASON="..."
deploy: .venv/.installed ## Deploy the approved version (VERSION= REASON=)
rollback: .venv/.installed ## Return to the version deployed before (VERSION= REASON=)
republish: .venv/.installed ## Publish a batch again: its model on its dataset (BATCH=)
drift: .venv/.installed ## Report drift of a batch (BATCH=, default: the newest)
retrain-future-skills train-model evaluate-model export-dataset experiment promote deploy rollback republish drift:
	@exec $(BIN)/python -m runtime.commands $@

reset: .venv/.installed ## Remove the local state of a company (DATA=...)
	@exec $(BIN)/python -m runtime.reset

migrate: .venv/.installed ## Bring the ledger in the HR database (HR_DSN) to the newest schema
	@exec $(BIN)/python -m runtime.hr migrate

check-hr: .venv/.installed ## Verify an existing HR database (HR_DSN): version, columns, rights
	@exec $(BIN)/python -m runtime.hr check

hr-grants: .venv/.installed ## Print the SQL that the DBA of an existing HR database runs once
	@exec $(BIN)/python -m runtime.hr grants

registry: .venv/.installed ## Print the model registry (of DATA=... or HR_DSN)
	@exec $(BIN)/python -m runtime.registry page

compare: .venv/.installed ## Print two versions side by side (A=v1 B=v2)
	@exec $(BIN)/python -m runtime.registry compare "$(A)" "$(B)"

model-card: .venv/.installed ## Print the model card of a version (VERSION=v1)
	@exec $(BIN)/python -m runtime.registry card "$(VERSION)"

resign: .venv/.installed ## Sign every artefact with the active key (SIGNING_KEY_ID), so that an older one can be withdrawn
	@exec $(BIN)/python -m runtime.resign

mails: .venv/.installed ## What waits for the mail server, and what was given up (RETRY=yes: try all of it again)
	@exec $(BIN)/python -m runtime.mails

extras: .venv/.installed ## Install the estimators xgboost and lightgbm
	@{ $(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-extras.txt; } \
	  || $(BIN)/python -m pip install --quiet -r requirements-extras.txt

extras-keras: .venv/.installed ## Install the estimator keras, with jax behind it (400 MB)
	@{ $(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-keras.txt; } \
	  || $(BIN)/python -m pip install --quiet -r requirements-keras.txt

extras-cluster: .venv/.installed ## Install what several machines need: Celery, and s3fs for STORE_URI=s3://...
	@{ $(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-cluster.txt; } \
	  || $(BIN)/python -m pip install --quiet -r requirements-cluster.txt

test: .venv/.installed-dev lint ## Lint, unit, model and DAG tests, and one whole chain (10 minutes at most)
	@$(BIN)/pytest -n 2 --dist loadfile

test-all: .venv/.installed-dev ## Everything else: the real Airflow from an empty state, and what else is slow (60 minutes at most)
	@$(BIN)/pytest -m slow --timeout=1800

soak: .venv/.installed-dev ## Weekly chains whose processes are killed at random, compared with undisturbed ones (WEEKS=10 SEED=; 45 minutes)
	@PYTHONPATH=$(CURDIR)/include:$(CURDIR)/tests exec $(BIN)/python -m soak --weeks "$(or $(WEEKS),10)" $(if $(SEED),--seed "$(SEED)")

bench: .venv/.installed ## The weekly chain at size beside its bare limits (SIZE=small|million|onet|large, JSON=<file>)
	@PYTHONPATH=$(CURDIR)/include:$(CURDIR) exec $(BIN)/python -m bench.pipeline --size "$(or $(SIZE),small)" \
	  --baseline "bench/baselines/$(or $(SIZE),small).json" $(if $(JSON),--json "$(JSON)")

bench-celery: extras-cluster ## The scoring stage on one and on two Celery workers (SIZE=small|medium|million; needs redis-server)
	@PYTHONPATH=$(CURDIR)/include:$(CURDIR) exec $(BIN)/python -m bench.celery --size "$(or $(SIZE),medium)"

bench-gate: .venv/.installed ## How often the gate is right, on decisions with a known truth; writes docs/gate.md
	@PYTHONPATH=$(CURDIR)/include:$(CURDIR) exec $(BIN)/python -m bench.gate

bench-estimators: .venv/.installed ## Every estimator on unseen roles of a company (DATA=<folder>, KEEP=<folder> to go on after an interruption); writes docs/estimators.md
	@PYTHONPATH=$(CURDIR)/include:$(CURDIR) exec $(BIN)/python -m bench.estimators --data "$(DATA)" \
	  $(if $(ESTIMATORS),--estimators "$(ESTIMATORS)") $(if $(PREPROCESSINGS),--preprocessings "$(PREPROCESSINGS)") $(if $(KEEP),--keep "$(KEEP)")

bench-extended: .venv/.installed ## What the extended features bring (DATA=<O*NET folder>); writes docs/extended.md
	@PYTHONPATH=$(CURDIR)/include:$(CURDIR) exec $(BIN)/python -m bench.extended --data "$(DATA)"

bench-dashboard: .venv/.installed ## Response times of the dashboard with 8 million predictions and a year of history
	@PYTHONPATH=$(CURDIR)/include:$(CURDIR) exec $(BIN)/python -m bench.dashboard

env-example: .venv/.installed ## Write .env.example from the settings
	@exec $(BIN)/python -m runtime.env_example

scaling-page: .venv/.installed ## Write docs/scaling.md from the baselines of `make bench`
	@PYTHONPATH=$(CURDIR)/include:$(CURDIR) exec $(BIN)/python -m bench.scaling

bench-refreshes: .venv/.installed ## How much the predictions' table grows over 20 weekly refreshes
	@PYTHONPATH=$(CURDIR)/include:$(CURDIR) exec $(BIN)/python -m bench.refreshes

bench-drift: .venv/.installed ## How often drift alarms, wrongly and rightly (DATA=<folder of O*NET releases>); writes docs/drift-numbers.md
	@PYTHONPATH=$(CURDIR)/include:$(CURDIR) exec $(BIN)/python -W ignore -m bench.drift $(if $(DATA),--data "$(DATA)")

lint: .venv/.installed-dev ## ruff and mypy
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet . || { echo "Not formatted: run make format" >&2; exit 1; }
	$(BIN)/mypy

format: .venv/.installed-dev ## Format the code
	@$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .

audit: .venv/.installed ## Bandit on the code; known vulnerabilities of the pinned packages (asks pypi.org)
	@$(BIN)/uv tool run --quiet bandit@$(BANDIT_VERSION) --quiet --configfile pyproject.toml --recursive include dags plugins
	echo "bandit: nothing found"
	# --strict: what the service does not know is an error, not a package without vulnerabilities
	$(BIN)/uv tool run --quiet pip-audit@$(PIP_AUDIT_VERSION) --strict --no-deps --disable-pip --progress-spinner off \
	  -r requirements.txt -r requirements-cluster.txt -r requirements-extras.txt -r requirements-keras.txt

requirements: .venv/.installed ## Compile the requirements*.in into the pinned requirements*.txt
	@compile() { $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header "$$@" > /dev/null; }
	compile requirements.in -o requirements.txt
	compile -c requirements.txt requirements-extras.in -o requirements-extras.txt
	compile -c requirements.txt requirements-keras.in -o requirements-keras.txt
	compile -c requirements.txt requirements-cluster.in -o requirements-cluster.txt

secrets: ## Generate the secrets of an installation that are missing, and name those that only you know
	@docker/secrets

up: ## Start the installation of .env in containers (docs/deployment-compose.md)
	@docker/compose config --quiet
	docker/secrets check || { echo "Nothing was started: make secrets, then make up." >&2; exit 1; }
	docker/compose build --quiet init # the one image of all services
	docker/compose up -d || { echo "Not everything was started. When it is init that failed, it says why: docker/compose logs init" >&2; exit 1; }
	echo "Starting; docker/compose ps shows when all are healthy. The first people and their passwords: the secret accounts."

down: ## Stop it and remove its containers; data stays in its volumes
	@docker/compose down

logs: ## Follow the logs of its containers (SERVICE=worker)
	@docker/compose logs --follow --tail 100 $(SERVICE)

compose-test: ## Build the image, start everything with a generated company, run a weekly chain, restart each service (40 minutes; needs Docker)
	@tests/compose/run

clean: ## Remove the environment and caches (the state in var/ stays)
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
