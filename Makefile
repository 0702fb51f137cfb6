# make bench      all models on the embedded data set, ending in a leaderboard
# make test       the test suite (minutes); make test-slow: training on real data against published numbers
# make lint       ruff and mypy

PYTHON ?= python3
BIN := .venv/bin

.PHONY: bench test test-slow performance lint clean

# The one way the environment is made: again whenever the dependencies change.
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

bench: .venv/installed
	$(BIN)/python -m bench run --models all --datasets digits --budget full

test: .venv/installed
	$(BIN)/python -m pytest

test-slow: .venv/installed
	$(BIN)/python -m pytest -m slow

performance: .venv/installed
	$(BIN)/python -m tests.performance.harness

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv build *.egg-info
