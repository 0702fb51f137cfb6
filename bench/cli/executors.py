"""The executors by name: another one is a line here, and a file with a subclass of `Executor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.errors import unknown

if TYPE_CHECKING:
    from bench.cli.options import Execution
    from bench.execute.dispatch import Executor


def _inline(options: Execution) -> Executor:
    from bench.execute.dispatch import Inline

    return Inline()


def _pool(options: Execution) -> Executor:
    from bench.execute.dispatch import Pool

    return Pool(options.workers)


def _slurm(options: Execution) -> Executor:
    from bench.cluster.profiles import load_profile
    from bench.cluster.submit import Layout, Slurm

    profile = load_profile(options.profile, options.slurm or ())
    return Slurm(profile, Layout(options.runs_per_job, options.max_parallel), options.wait)


EXECUTORS: dict[str, Callable[[Execution], Executor]] = {"inline": _inline, "pool": _pool, "slurm": _slurm}


def make_executor(options: Execution) -> Executor:
    """The executor that the options name. BenchError for one that there is not."""
    if options.executor not in EXECUTORS:
        raise unknown("--executor", options.executor, EXECUTORS)
    return EXECUTORS[options.executor](options)
