# Every target first makes .venv from requirements.lock when it is missing or stale.
PY := .venv/bin/python
BIN := .venv/bin
STAMP := .venv/.stamp

.PHONY: help demo serve test check format lint types contracts model drills crash worlds bench bulk histories docs update-golden lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

$(STAMP): requirements.lock pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python '>=3.11' .venv && \
	  uv pip install --quiet --python $(PY) --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(PY) --no-deps --no-build-isolation -e . ; \
	else \
	  python3 -m venv .venv && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $(STAMP)

demo: $(STAMP) ## the main job, from nothing: waste from generator to treatment, verified
	@$(BIN)/ctnh demo

serve: $(STAMP) ## serve the demo's data over HTTP; prints the API keys
	@$(BIN)/ctnh demo --if-missing --quiet
	@$(BIN)/ctnh serve --demo

test: $(STAMP) ## every test; what this machine lacks is skipped and named (COVER=1: with branch coverage)
	@$(BIN)/pytest -n auto --dist loadfile $(if $(COVER),--cov --cov-branch --cov-report=)

cover: $(STAMP) ## the tests again with branch coverage, and the bound on the ledger and the pure rules
	@$(MAKE) --no-print-directory test COVER=1
	@$(BIN)/python -m tests.coverage_bound

check: format lint types contracts cover ## what CI runs

format: $(STAMP) ## check formatting (fix it with: .venv/bin/ruff format)
	@$(BIN)/ruff format --check --quiet .

lint: $(STAMP) ## ruff, every rule but those with a reason
	@$(BIN)/ruff check --quiet .

types: $(STAMP) ## mypy --strict
	@$(BIN)/mypy

contracts: $(STAMP) ## import directions and purity
	@$(BIN)/lint-imports

model: $(STAMP) ## check the formal model with Spin and rewrite its table of results
	@$(PY) -m tests.model.report

drills: $(STAMP) ## every tamper drill, written down; then what takes too long for every run: larger models, many lives of a log
	@$(PY) -m tests.drills.report
	@DRILLS=1 $(BIN)/pytest tests/model
	@$(MAKE) --no-print-directory machine
	@$(MAKE) --no-print-directory crash

crash: $(STAMP) ## kill processes and servers, fill disks, tear pages, and rewrite the table of what was counted
	@$(PY) -m tests.crash.run --kills 200
	@$(PY) -m tests.crash.report

machine: $(STAMP) ## lead many lives of a log with all that can befall it, on both databases (LIVES=n STEPS=m)
	@$(PY) -m tests.ledger.machine_run --examples $(or $(LIVES),200) --steps $(or $(STEPS),60)

worlds: $(STAMP) ## lead many worlds of waste through every case, on both databases (EXAMPLES=n STEPS=m)
	@$(PY) -m tests.manifest.worlds.run --examples $(or $(EXAMPLES),100) --steps $(or $(STEPS),100)

bench: $(STAMP) ## measure the ledger on this machine and keep the report
	@$(BIN)/ctnh bench ledger > bench/report.json; $(PY) -m bench.report bench/report.json bench/histories.json

bulk: $(STAMP) ## load so many manifests into var/bulk/, once (SIZE=n ON=sqlite or postgresql)
	@$(PY) -m bench.bulk $(or $(ON),sqlite) $(or $(SIZE),12000)

histories: $(STAMP) ## measure opening manifests at growing sizes and keep the report (SIZES="n m …")
	@$(BIN)/ctnh bench histories $(SIZES:%=--size %) > bench/histories.json; $(PY) -m bench.report bench/report.json bench/histories.json

mutation: $(STAMP) ## change the proof and chain code one thing at a time: the tests must notice (long)
	@$(PY) -m tests.mutation.run; code=$$?; $(PY) -m tests.mutation.report; exit $$code

docs: $(STAMP) ## rewrite the generated documents
	@$(BIN)/python -m api.cli.docs

lock: ## rewrite requirements.lock (needs uv)
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras \
	  pyproject.toml --group dev -o requirements.lock --quiet

clean: ## remove what the other targets made
	@rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
