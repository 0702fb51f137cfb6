"""Submissions: what was handed to a cluster, on disk beside the runs.

    DIR/.slurm/SUBMISSION/submission.json   the command, how its jobs carry out runs, the software it was sent with
    DIR/.slurm/SUBMISSION/replaces.json     run id -> the record that it is to replace; absent in earlier versions
    DIR/.slurm/SUBMISSION/runs.json         array -> jobs -> run ids; written last: with it the submission is complete
    DIR/.slurm/SUBMISSION/ARRAY/            script, payloads and logs of the jobs, which are named after the job id

All three files are written before anything is submitted: a job is known by its array's name and its index there, so
nothing is lost if the submitter dies. The files may come from anybody: what is odd is named and left out.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError

from bench.errors import BenchError, clipped, describe_validation, first_line
from bench.store.files import read_regular, write_text
from bench.store.folder import RUN_ID
from bench.store.record import Record, Software
from slurm.launcher import Array
from slurm.worker import SUBMISSION

PREFIX = "bench-"
"""Of the names of all arrays: what we ask the queue for."""
ID = re.compile(r"(\d{6,9})-[0-9a-f]{4}|\d{8}-\d{6}-[0-9a-f]{4}")
"""A number and a random tail, '000012-3fa2'. Earlier versions had a moment, '20261121-093105-3fa2'."""
MOST_DIGITS = 9
"""Of a number."""
MOST_BYTES, MOST_BYTES_SENT = 64 * 2**20, 2**20
"""Of its lists of runs, and of what its jobs need, that are read: 100,000 runs take 6 MB."""
RUNS = TypeAdapter(dict[str, list[list[str]]])
REPLACES = TypeAdapter(dict[str, str])


class Sent(BaseModel):
    """What the jobs of a submission need to know, beside the runs: see `Job` and `Profile`."""

    command: str
    """The command line."""
    created: str
    """When, as `timestamp` writes it; for people, since clocks differ."""
    results: Path | None = None
    """The results folder, where its jobs look for it; None in submissions of earlier versions."""
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
    extraction: dict[str, Any] | None = None
    """What its one job extracts: see `bench.cluster.extraction`; None where its jobs carry out runs."""


@dataclass(frozen=True)
class Submission:
    """A command that was sent to a cluster, with the runs of each job of each array."""

    folder: Path
    """Where it is kept; its name is the submission's id."""
    sent: Sent
    """What its jobs need to know."""
    arrays: tuple[Array, ...]
    """Its jobs."""
    replaces: Mapping[str, str] | None = field(default_factory=dict)
    """Run id -> what identifies the record that was there before; None in submissions of earlier versions."""

    @property
    def id(self) -> str:
        """'000012-3fa2': its number among those of the results folder, and a random tail."""
        return self.folder.name

    @property
    def run_ids(self) -> list[str]:
        """Its runs."""
        return [run_id for array in self.arrays for job in array.jobs for run_id in job]

    @property
    def moved(self) -> bool:
        """Whether the results folder was moved since: its jobs look for it where it was."""
        return self._elsewhere is not None and not self._elsewhere.exists()

    @cached_property
    def copied(self) -> bool:
        """Whether this is a copy of one in another results folder, which its jobs write to.

        Told by inodes alone: one file system may be mounted at two places, as two devices.
        """
        if self._elsewhere is None:
            return False
        try:
            return (self._elsewhere / SUBMISSION).stat().st_ino != (self.folder / SUBMISSION).stat().st_ino
        except OSError:
            return False

    @property
    def _elsewhere(self) -> Path | None:
        """Where its jobs look for it, unless it is where this is."""
        there = self.sent.results
        return root(there) / self.id if there and there != self.folder.parents[1].absolute() else None


class Place(NamedTuple):
    """One job that a run was given to."""

    submission: Submission
    """What the job is part of."""
    array: str
    """Name of the array."""
    number: int
    """Index of the job in it."""

    @property
    def key(self) -> tuple[str, int]:
        """What the job is called in the queue."""
        return self.array, self.number


class Submissions(NamedTuple):
    """All submissions of a results folder."""

    all: list[Submission]
    """Those that can be read, oldest first."""
    unreadable: dict[Path, str]
    """The folders of the others, each with the reason."""


def user() -> str:
    """Who runs this; the number of one without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def root(results: Path) -> Path:
    """Where the submissions of a results folder are."""
    return results / ".slurm"


def lock_of(results: Path) -> Path:
    """The lock that whoever submits from a results folder holds."""
    return root(results) / "lock"


def new_id(results: Path) -> str:
    """One more than the greatest number there, and a random tail. To be called by whoever has the submit lock.

    No clock has a part in it: those of two login nodes differ. BenchError where there are no more numbers.
    """
    numbers = [int(match[1]) for name in _names(results) if (match := ID.fullmatch(name)) and match[1]]
    number = max(numbers, default=0) + 1
    if number >= 10**MOST_DIGITS:
        raise BenchError(f"The submissions in '{root(results)}' have no number left: use another results folder.")
    return f"{number:06d}-{secrets.token_hex(2)}"


def identity(record: Record) -> str:
    """What tells a record from the one that takes its place; records of schema 1 have no digest."""
    return record.digest or f"{record.status} {record.provenance.end}"


def write(submission: Submission) -> None:
    """Write it, or write it again with fewer arrays."""
    submission.folder.mkdir(parents=True, exist_ok=True)
    runs = {array.name: array.jobs for array in submission.arrays}
    write_text(submission.folder / SUBMISSION, submission.sent.model_dump_json(indent=1))
    if submission.replaces is not None:
        write_text(submission.folder / "replaces.json", json.dumps(dict(submission.replaces)))
    write_text(submission.folder / "runs.json", json.dumps(runs))


def read_sent(folder: Path) -> Sent:
    """What the jobs of a submission need. BenchError where it cannot be read."""
    path = folder / SUBMISSION
    try:
        return Sent.model_validate_json(read_regular(path, MOST_BYTES_SENT))
    except (OSError, ValueError) as error:
        raise BenchError(f"'{path}' cannot be read ({_words(error)}). Submit the runs again.") from error


def read_all(results: Path) -> list[Submission]:
    """The submissions of a results folder that can be read, oldest first."""
    return scan(results).all


def scan(results: Path) -> Submissions:
    """The submissions of a results folder, and what is in the place of one and cannot be read."""
    found, unreadable = [], {}
    for name in sorted(_names(results), key=_order):
        folder = root(results) / name
        if not os.path.lexists(folder / "runs.json"):
            continue
        try:
            found.append(_read(folder))
        except (OSError, ValueError, BenchError) as error:
            unreadable[folder] = f"no submission that can be read ({_words(error)})"
    return Submissions(found, unreadable)


def places(submissions: Sequence[Submission]) -> dict[str, list[Place]]:
    """Run id -> the jobs that it was given to, that of the newest submission last."""
    found: dict[str, list[Place]] = {}
    for submission in submissions:
        for array in submission.arrays:
            for index, job in enumerate(array.jobs):
                for run_id in job:
                    found.setdefault(run_id, []).append(Place(submission, array.name, index))
    return found


def _names(results: Path) -> list[str]:
    try:
        return os.listdir(root(results))
    except OSError:
        return []


def _order(name: str) -> tuple[int, str]:
    """Sorts by number; what has none, that of earlier versions, comes before."""
    match = ID.fullmatch(name)
    return int(match[1]) if match and match[1] else 0, name


def _read(folder: Path) -> Submission:
    """One submission. OSError, ValueError or BenchError where it is none."""
    if not ID.fullmatch(folder.name) or folder.is_symlink():
        raise ValueError("a link" if folder.is_symlink() else "its name is not that of a submission")
    runs = RUNS.validate_json(read_regular(folder / "runs.json", MOST_BYTES))
    named = re.compile(re.escape(f"{PREFIX}{folder.name}-") + r"\d{1,6}")
    if odd := next((name for name in runs if not named.fullmatch(name)), None):
        raise ValueError(f"{odd!r:.80} is no array of it")
    arrays = tuple(Array(name, tuple(map(tuple, jobs))) for name, jobs in runs.items())
    submission = Submission(folder, read_sent(folder), arrays, _read_replaces(folder))
    if odd := next((run_id for run_id in submission.run_ids if not RUN_ID.fullmatch(run_id)), None):
        raise ValueError(f"{odd!r:.80} is no run id")
    return submission


def _read_replaces(folder: Path) -> dict[str, str] | None:
    try:
        return REPLACES.validate_json(read_regular(folder / "replaces.json", MOST_BYTES))
    except FileNotFoundError:
        return None


def _words(error: Exception) -> str:
    """In one line: an error of pydantic has one for each field."""
    if isinstance(error, ValidationError):
        return first_line(describe_validation(error.title, error))
    return clipped(str(error))
