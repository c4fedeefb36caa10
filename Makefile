# One stamp stands for "the environment is as requirements.lock says"; every target builds on it.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.locked
# Where it is set, as in many containers, each process of a run compiles torch, Prefect and our modules again.
export PYTHONDONTWRITEBYTECODE :=
# One thread a process: OpenMP threads of several processes on the same cores wait for one another. Two processes more than
# there are cores: tests wait for servers, browsers and time limits.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $$(($$(nproc) + 2)) --maxprocesses 4 --dist loadfile \
  --no-loadscope-reorder

.PHONY: demo test quick check style types walls sql-style docs bench bench-figures fuzz parsers kills venv lock clean

demo: venv ## make a small archive of real footage and count it, from start to end
	$(BIN)/gfpipe demo --out demo

test: venv ## every test that a change must pass
	$(PYTEST) --durations 20

quick: venv ## the tests that are not marked slow
	$(PYTEST) -m "not slow"

check: style types walls sql-style ## style, types, walls between the floors, SQL; faster with -j2

style: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv
	$(BIN)/mypy

walls: venv
	$(BIN)/lint-imports

sql-style: venv
	$(BIN)/sqlfluff lint sql

docs: venv ## the documentation, in site/
	$(BIN)/python -m docs.generate
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --clean

bench: venv ## speed and memory, on an archive made for the purpose
	$(BIN)/python -m tests.bench

bench-figures: venv ## how long figures of a large archive take; FACES=100000000 for the largest
	$(BIN)/python -m tests.bench.figures --faces $(or $(FACES),20000000)

fuzz: venv ## read damaged files of many formats, each within limits; MUTANTS=2000, SEED=1
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --mutants $(or $(MUTANTS),2000) --seed $(or $(SEED),1)

parsers: venv ## random tables, names, recipes, cards and guides for the parsers; EXAMPLES=5000
	EXAMPLES=$(or $(EXAMPLES),2000) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/parsers

kills: venv ## kill all that writes, at random and at each rename; KILLS=1000 for more
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.kills --kills $(or $(KILLS),100)

venv: $(STAMP) ## the environment alone

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gfpipe needs Python 3.11 or later: make PYTHON=python3.11 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv==0.13.8
	$(BIN)/uv pip install --python $(BIN)/python --no-deps -r requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --editable .
	touch $@

lock: ## resolve pyproject.toml anew into requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv==0.13.8
	$(BIN)/uv pip compile --quiet --upgrade --extra dev --python-version 3.11 --no-header --no-annotate --output-file requirements.lock pyproject.toml

clean: ## remove the environment and what demo, tests and bench left behind
	rm -rf .venv demo build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
