"""Submissions: what was handed to a cluster, on disk beside the runs.

    DIR/.slurm/SUBMISSION/submission.json   the command, how its jobs carry out runs, the software it was sent with
    DIR/.slurm/SUBMISSION/runs.json         array -> jobs -> run ids; apart, since no job needs it
    DIR/.slurm/SUBMISSION/ARRAY/            payloads and logs of the jobs

Both files are written before anything is submitted: a job is known by its array's name and its index there, so nothing
is lost if the submitter dies.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from bench.errors import BenchError
from bench.store.files import write_text
from bench.store.record import Software
from slurm.launcher import Array

PREFIX = "bench-"
"""Of the names of all arrays: what we ask the queue for."""


class Sent(BaseModel):
    """What the jobs of a submission need to know, beside the runs: see `Job` and `Profile`."""

    command: str
    """The command line."""
    created: str
    """When, as `timestamp` writes it."""
    data_dir: Path
    """Where data sets are."""
    user: str
    """Who submitted it."""
    cluster: str
    """SLURM's name of the cluster."""
    device: str
    """"cpu" or "cuda"."""
    metrics: tuple[str, ...] = ("all",)
    """What is measured; files by their absolute paths."""
    threads: int
    """CPU threads of a job."""
    n_workers: int
    """Runs at a time in a job."""
    force: bool
    """Whether records that exist are replaced."""
    software: Software
    """What it was submitted with."""


@dataclass(frozen=True)
class Submission:
    """A command that was sent to a cluster, with the runs of each job of each array."""

    folder: Path
    """Where it is kept; its name is the submission's id."""
    sent: Sent
    """What its jobs need to know."""
    arrays: tuple[Array, ...]
    """Its jobs."""

    @property
    def id(self) -> str:
        """'20261121-093105-3fa2': when, and a random tail."""
        return self.folder.name

    @property
    def run_ids(self) -> list[str]:
        """Its runs."""
        return [run_id for array in self.arrays for job in array.jobs for run_id in job]


class Logs:
    """The logs of jobs; each array's folder is listed once."""

    def __init__(self) -> None:
        self._found: dict[Path, dict[int, Path]] = {}

    def find(self, submission: Submission, array: str, index: int) -> Path | None:
        """The log of one job, to which it appends each time it is started; None before it has started."""
        folder = submission.folder / array
        if folder not in self._found:
            n_jobs = next(len(found.jobs) for found in submission.arrays if found.name == array)
            paths = folder.glob("*_0_log.out")
            # '12_3_0_log.out', job 3 of array 12; or, since one job makes no array, '12_0_log.out'
            self._found[folder] = {int(path.name.split("_")[1]) if n_jobs > 1 else 0: path for path in paths}
        return self._found[folder].get(index)


def user() -> str:
    """Who runs this; the number of one without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def root(results: Path) -> Path:
    """Where the submissions of a results folder are."""
    return results / ".slurm"


def new_id() -> str:
    """A name that no other submission has."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def write(submission: Submission) -> None:
    """Write it, or write it again with fewer arrays."""
    submission.folder.mkdir(parents=True, exist_ok=True)
    runs = {array.name: array.jobs for array in submission.arrays}
    write_text(submission.folder / "runs.json", json.dumps(runs))
    write_text(submission.folder / "submission.json", submission.sent.model_dump_json(indent=1))


def read_sent(folder: Path) -> Sent:
    """What the jobs of a submission need. BenchError where it cannot be read."""
    try:
        return Sent.model_validate_json((folder / "submission.json").read_bytes())
    except (OSError, ValidationError) as error:
        raise BenchError(f"The submission '{folder}' cannot be read ({error}). Submit the runs again.") from error


def read_all(results: Path) -> list[Submission]:
    """The submissions of a results folder, oldest first; what is not one is left out."""
    submissions = []
    for path in sorted(root(results).glob("*/runs.json")):
        try:
            arrays = json.loads(path.read_text(encoding="utf-8"))
            parts = tuple(Array(name, tuple(map(tuple, jobs))) for name, jobs in arrays.items())
            submissions.append(Submission(path.parent, read_sent(path.parent), parts))
        except (OSError, ValueError, TypeError, AttributeError, BenchError):
            continue
    return submissions


def places(submissions: Sequence[Submission]) -> dict[str, tuple[Submission, str, int]]:
    """Run id -> the newest submission that it is part of, the array, and the index of the job."""
    return {
        run_id: (submission, array.name, index)
        for submission in submissions
        for array in submission.arrays
        for index, job in enumerate(array.jobs)
        for run_id in job
    }
