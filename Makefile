# Two commands on a fresh machine: make demo, make test. `make help` lists the rest.
SHELL := /bin/bash
PY := .venv/bin/python
SERVE ?= 1
PORT ?= 8080

.DEFAULT_GOAL := help
.PHONY: help demo test check docs lock clean translations vendor bench-ledger bench-methodologies bench-gis bench-map bench-citizens

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/run.stamp: requirements.txt
	@test -x .venv/bin/pip || python3 -m venv .venv || { rm -rf .venv; echo "python3 -m venv failed: apt-get install python3-venv, then again"; exit 1; }
	@echo "Installing the pinned environment …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt .venv/run.stamp
	@echo "Installing what the tests need …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

.venv-bench/bench.stamp: requirements-bench.txt
	@test -x .venv-bench/bin/pip || python3 -m venv .venv-bench || { rm -rf .venv-bench; echo "python3 -m venv failed: apt-get install python3-venv, then again"; exit 1; }
	@echo "Installing the peers of the benchmarks …"
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

demo: .venv/run.stamp ## play the whole story on a fresh database, then serve it (SERVE=0: stop after the table)
	@$(PY) -m demo $(if $(filter 0,$(SERVE)),--no-serve,--port $(PORT))

# What the tests of the mini-program need; without Node.js they are left out.
node_modules/.package-lock.json: package-lock.json
	@command -v npm >/dev/null || exit 0; echo "Installing what the Node tests need …"; npm ci --ignore-scripts --no-audit --no-fund --loglevel=error || echo "npm ci failed: tests of the mini-program are left out"

test: .venv/dev.stamp $(if $(shell command -v npm),node_modules/.package-lock.json) ## everything that can run on this machine
	@$(PY) -m pytest -n 2 --dist loadgroup

check: .venv/dev.stamp ## lint, format, types, import walls, migrations, OpenAPI, translations
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy methodologies gis carbon_platform/ledger $$(find carbon_platform -name rules.py -not -path "*/ledger/*")
	.venv/bin/lint-imports
	$(PY) tools/check_migrations.py
	CARBON_MODE=development $(PY) -m flask --app wsgi openapi docs/openapi.json --check
	$(PY) tools/check_translations.py
	$(PY) tools/methodology_docs.py --check

lock: ## renew the hashed pins (needs uv)
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q requirements.in -o requirements.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q requirements-dev.in -o requirements-dev.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q requirements-bench.in -o requirements-bench.txt

bench-ledger: .venv-bench/bench.stamp ## measure the ledger beside its peers, write benchmarks/results (BENCH_QUICK=1: a quick look)
	@.venv-bench/bin/python -m benchmarks $(ROWS)

bench-methodologies: .venv/run.stamp ## measure the methodologies beside bare numpy and SQLite, write benchmarks/results
	@$(PY) -m benchmarks.methodologies $(ROWS)

bench-gis: .venv/run.stamp ## measure imports, overlaps and tiles beside bare scripts and PostGIS, write benchmarks/results
	@$(PY) -m benchmarks.gis $(ROWS)

bench-map: .venv/dev.stamp ## measure the map console in Chromium with 100,000 parcels in view, write benchmarks/results
	@$(PY) -m benchmarks.map_frames

bench-citizens: .venv/dev.stamp ## measure acts with the whole pipeline on and a day of 400,000 people, write benchmarks/results
	@$(PY) -m benchmarks.citizens $(ROWS)

docs: .venv/run.stamp ## print docs/zh|en/methodologies from the declarations
	$(PY) tools/methodology_docs.py

translations: .venv/dev.stamp ## collect new texts into the English catalogue
	$(PY) tools/check_translations.py --update

vendor: ## renew the vendored browser files (needs Node.js and the npm registry)
	npm ci && node tools/vendor.mjs

clean: ## remove the environment and what the demo wrote
	rm -rf .venv .venv-bench var
