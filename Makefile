# Every target works from a clean checkout: .venv is made when it is not there.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-all lint bench clean

$(READY): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $(READY)

demo: $(READY)  ## train on digits with 40 % noise and draw the report
	$(BIN)/probe train --noise 0.4 --seed 0 --out runs/demo --overwrite
	$(BIN)/probe report runs/demo

test: $(READY)  ## the fast suite
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m "not slow"

test-all: $(READY)  ## the slow tests too
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## ratios against named rivals
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[bench]"
	for name in tracker signals attributions training gradient_norms probing ensemble; do $(BIN)/python benchmarks/$$name.py || exit 1; done

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
