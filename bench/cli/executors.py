"""The executors by name: another one is a line here, and a file with a subclass of `Executor`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from bench.errors import unknown

if TYPE_CHECKING:
    from bench.cli.options import Execution
    from bench.execute.dispatch import Executor

EXECUTORS = {
    "inline": "bench.execute.dispatch:Inline",
    "pool": "bench.execute.dispatch:Pool",
    "slurm": "bench.cluster.submit:Slurm",
}


def make_executor(options: Execution) -> Executor:
    """The executor that the options name. BenchError for one that there is not."""
    if options.executor not in EXECUTORS:
        raise unknown("--executor", options.executor, EXECUTORS)
    module, _, name = EXECUTORS[options.executor].partition(":")
    executor: Executor = getattr(importlib.import_module(module), name).from_options(options)
    return executor
