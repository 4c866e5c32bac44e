# Two commands for a newcomer: `make demo` and `make test`. Both need Python 3.11 or newer, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
# One thread in each worker: tests are many and small, and threads that wait for each other cost more than they give.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 8

.PHONY: demo test test-all check format bench clean

DEMO_ENCODERS := --dna-model mini-dna --protein-model mini --window 300

demo: .venv/run.stamp
	rm -rf demo_out
	$(BIN)/virnucpro embed examples/proteins.faa -o demo_out --model mini
	$(BIN)/python examples/show_features.py demo_out/proteins_ESM.pt
	$(BIN)/python examples/simulate_genomes.py demo_out
	$(BIN)/virnucpro features demo_out/viral.fna -o demo_out/viral --label viral $(DEMO_ENCODERS) -q
	$(BIN)/virnucpro features demo_out/host.fna -o demo_out/host --label host $(DEMO_ENCODERS) -q
	$(BIN)/virnucpro train --viral demo_out/viral --host demo_out/host -o demo_out/model.safetensors \
	    --epochs 20 --learning-rate 0.01 -q
	$(BIN)/virnucpro evaluate demo_out/model.safetensors --viral demo_out/viral --host demo_out/host \
	    -o demo_out/evaluation --test-side -q
	$(BIN)/virnucpro predict demo_out/mixed.fna -o demo_out/prediction
	@echo "genomes are simulated: they show how the software works, not what it finds"
	@column -t -s "$$(printf '\t')" demo_out/prediction/calls.tsv 2>/dev/null || cat demo_out/prediction/calls.tsv
	@echo "figures: demo_out/prediction/tracks.png and demo_out/evaluation/*.png"

test: .venv/dev.stamp
	$(PYTEST)

test-all: .venv/dev.stamp
	$(PYTEST) -m "not gpu and not network and not weights"

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/numpydoc lint $$(find src -name '*.py' -not -path '*/cli/*')

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev.stamp
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.table

clean:
	rm -rf .venv demo_out dist

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), and 3.11 or newer is needed: make PYTHON=python3.12, say" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test,check]'
	touch $@ .venv/run.stamp
