# Start with `make demo` and `make test`. Both need only Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
# One thread per worker: the tests are many and small, and threads that wait for each other cost more than they save.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 8

.PHONY: demo test test-all test-ray check docs format bench gpu-report clean

DEMO_FEATURES := --dna-model mini --protein-model none --orfs window --window 300

demo: .venv/run.stamp
	rm -rf demo_out
	$(BIN)/python examples/simulate_genomes.py demo_out
	$(BIN)/virnucpro embed demo_out/mixed.fna -o demo_out/vectors --model mini
	$(BIN)/python examples/show_features.py demo_out/vectors/mixed_MINI.pt
	$(BIN)/virnucpro features demo_out/viral.fna -o demo_out/viral --label viral $(DEMO_FEATURES) -q
	$(BIN)/virnucpro features demo_out/non_viral.fna -o demo_out/non_viral --label non-viral $(DEMO_FEATURES) -q
	$(BIN)/virnucpro train --viral demo_out/viral --non-viral demo_out/non_viral -o demo_out/own.safetensors \
	    --epochs 20 --learning-rate 0.01 -q
	$(BIN)/virnucpro evaluate demo_out/own.safetensors --viral demo_out/viral --non-viral demo_out/non_viral \
	    -o demo_out/evaluation --test-part -q
	$(BIN)/virnucpro predict demo_out/mixed.fna -o demo_out/calls
	@echo "The genomes are simulated: they show how the software works, not how well it finds viruses."
	@column -t -s "$$(printf '\t')" demo_out/calls/calls.tsv 2>/dev/null || cat demo_out/calls/calls.tsv
	@echo "report: demo_out/calls/report.html; figures: demo_out/evaluation/*.png"

test: .venv/dev.stamp
	$(PYTEST)

test-all: .venv/dev.stamp
	$(PYTEST) -m "not gpu and not network and not weights"

# On a Ray cluster of three nodes on this machine. Ray takes 200 MB, so it has an environment of its own.
test-ray: .venv-ray/test.stamp
	OMP_NUM_THREADS=1 .venv-ray/bin/python -m pytest -q -m "ray and not slow" tests/ray

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documentation site, strictly: a broken link is an error. Open site/index.html.
docs: .venv/docs.stamp
	rm -rf site
	$(BIN)/sphinx-build -q -W --keep-going -b html docs site

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev.stamp
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.table

# What a GPU must show, on one page: benchmarks/results/gpu/page.md.
gpu-report: .venv/dev.stamp
	$(BIN)/python -m benchmarks.gpu_report

clean:
	rm -rf .venv .venv-ray demo_out dist site

.venv/bin/python .venv-ray/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), and 3.11 or newer is needed: make PYTHON=python3.12, say" >&2; exit 1; }
	$(PYTHON) -m venv $(@:/bin/python=)

.venv/run.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test,check]'
	touch $@ .venv/run.stamp

.venv-ray/test.stamp: pyproject.toml constraints.txt | .venv-ray/bin/python
	.venv-ray/bin/python -m pip install --quiet -c constraints.txt -e '.[test,ray]'
	touch $@

.venv/docs.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@
