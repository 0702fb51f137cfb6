# make bench      all models on the embedded data set, ending in a leaderboard
# make test       the test suite (minutes); make test-slow: training on real data against published numbers
# make test-cluster  the cluster tests, on a real SLURM that they start (as root, with Debian's packages: slurm/README.md)
# make test-gpu, make benchmark-gpu   the same on a GPU: its tests, and the time of its steps; without one, a line says so
# make benchmark  training steps beside five peer libraries, which get an environment of their own (20 minutes)
# make exchange   checkpoints written and read beside four peer libraries, in the same environment (2 minutes)
# make fidelity   trained models beside published values, on MNIST and Fashion-MNIST (an hour)
# make lint       ruff, mypy, and which room may import which

PYTHON ?= python3
BIN := .venv/bin

.PHONY: bench test test-slow test-cluster test-gpu performance benchmark benchmark-gpu exchange fidelity lint clean

# The one way the environment is made: again whenever the dependencies change.
.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

bench: .venv/installed
	$(BIN)/python -m bench run --models all --datasets digits --budget full

# Processes of one thread each; tests/conftest.py says how many.
test: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

test-slow: .venv/installed
	$(BIN)/python -m pytest -m slow

# Each process has a cluster of its own; they wait more than they compute.
test-cluster: .venv/installed
	$(BIN)/python -m pytest -m cluster tests/slurm --numprocesses 3 --dist worksteal

test-gpu: .venv/installed
	$(BIN)/python -m tests.gpu

benchmark-gpu: .venv/installed
	$(BIN)/python -m tests.performance.gpu

performance: .venv/installed
	$(BIN)/python -m tests.performance.harness

# A peer's requirements conflict with another's: what they import is in peers.txt, they themselves come without.
.venv-peers/installed: tests/performance/peers.txt tests/performance/peers-no-deps.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --upgrade pip
	.venv-peers/bin/python -m pip install --quiet --requirement tests/performance/peers.txt
	.venv-peers/bin/python -m pip install --quiet --no-deps --requirement tests/performance/peers-no-deps.txt
	touch $@

benchmark: .venv-peers/installed
	.venv-peers/bin/python -m tests.performance.benchmark

exchange: .venv-peers/installed
	.venv-peers/bin/python -m tests.exchange

fidelity: .venv/installed
	$(BIN)/python -m tests.fidelity

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv .venv-peers build *.egg-info
