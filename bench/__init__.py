"""Comparative benchmark harness across sparse latent models.

What a notebook needs are the names of `NAMES`: `bench.run`, `bench.leaderboard` and so on. Each is imported when it is
first asked for, so that `import bench` costs nothing.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api.boards import leaderboard as leaderboard
    from bench.api.coder import SparseCoder as SparseCoder
    from bench.api.evaluating import evaluate as evaluate
    from bench.api.extracting import extract as extract
    from bench.api.records import results as results
    from bench.api.running import run as run
    from bench.api.trained import load as load
    from bench.errors import BenchError as BenchError

__version__ = "0.1.0"

RESULTS = Path("results/runs")
"""Where runs are kept unless told otherwise."""

NAMES = {
    "run": "bench.api.running",
    "results": "bench.api.records",
    "leaderboard": "bench.api.boards",
    "load": "bench.api.trained",
    "evaluate": "bench.api.evaluating",
    "extract": "bench.api.extracting",
    "SparseCoder": "bench.api.coder",
    "BenchError": "bench.errors",
}
"""What this package offers to Python -> the module that has it."""


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module 'bench' has no attribute '{name}'; it has {', '.join(NAMES)}")
    return getattr(importlib.import_module(NAMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *NAMES])
