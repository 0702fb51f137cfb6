"""What the jobs of these tests call, and how the tests see what became of them."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slurm.watcher import JobState, queue
from slurm.worker import Stop, describe

WORK = "tests.slurm.jobs:work"
UNTIL_TOLD = "tests.slurm.jobs:until_told"


def work(folder: str, run_ids: tuple[str, ...], stop: Stop) -> bool:
    """Finish at once."""
    _tell(folder, runs=run_ids)
    return True


def until_told(folder: str, run_ids: tuple[str, ...], stop: Stop) -> bool:
    """Work until told to stop; finish when started again."""
    _tell(folder, runs=run_ids)
    deadline = time.monotonic() + 60
    while not describe()["restarts"] and time.monotonic() < deadline:
        if stop.requested():
            _tell(folder, stopped=True, grace=stop.grace, terminated=stop.terminated, timed_out=stop.timed_out)
            return False
        time.sleep(0.05)
    return True


def tell_gpus(folder: str, run_ids: tuple[str, ...], stop: Stop) -> bool:
    """Say what there is to work with."""
    _tell(folder, gpus=os.environ.get("CUDA_VISIBLE_DEVICES"), python=sys.executable)
    return True


def _tell(folder: str, **facts: Any) -> None:
    with (Path(folder) / "told").open("a", encoding="utf-8") as file:
        file.write(json.dumps({**describe(), **facts}) + "\n")


def told(folder: Path) -> list[dict[str, Any]]:
    """What the jobs of a folder said, in order."""
    file = folder / "told"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def wait(prefix: str, condition: Callable[[dict[tuple[str, int], JobState]], bool], seconds: float = 60) -> None:
    """Until the jobs whose name starts with `prefix` meet the condition."""
    deadline = time.monotonic() + seconds
    while not condition(jobs := queue(prefix)):
        assert time.monotonic() < deadline, jobs
        time.sleep(0.2)


def ended(jobs: dict[tuple[str, int], JobState]) -> bool:
    """Whether none is active."""
    return not any(job.active for job in jobs.values())
