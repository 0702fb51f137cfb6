"""A run folder: all that one run leaves. Anybody may read it; only the process that has claimed it may write."""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bench.errors import BenchError
from bench.store.arrays import read_npz
from bench.store.files import is_there, no_permission, read_regular, sha256_of, sweep, write_together
from bench.store.legend import Legend, parse_legend
from bench.store.lock import Lock, Owner, living_owner
from bench.store.parsing import UnreadableRecord, parse_record
from bench.store.record import Record
from bench.store.weights import AGAIN, read_weights, write_weights

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor

WEIGHTS = "weights.safetensors"
BESIDE_THE_RECORD = (WEIGHTS, "history.csv", "arrays.npz", "views.npz", "legend.json", "checkpoint.pt")
"""What a run that is done leaves beside its record, and what it needs on the way."""

RUN_ID = re.compile(r"[\w-]{1,200}")

MOST_WORDS = 4 * 2**20
"""Bytes of a history or of a legend that are read."""
MOST_ROWS = 200_000
"""Of a history."""


class DamagedFile(Exception):
    """A file beside a record that cannot be read. The message names it, and says how to have it again."""


@dataclass(frozen=True)
class Results:
    """What a run that is done leaves beside its record."""

    weights: Mapping[str, Tensor]
    """The trained model."""
    history: pd.DataFrame
    """Losses over training."""
    arrays: Mapping[str, np.ndarray]
    """Array-valued metrics."""
    views: Mapping[str, np.ndarray]
    """What figures draw: see `bench.execute.views`."""
    legend: Legend
    """How to read them."""


class RunFolder:
    """What one run has left on disk."""

    def __init__(self, root: Path, run_id: str) -> None:
        if not RUN_ID.fullmatch(run_id):
            raise BenchError(f"{run_id!r:.120} is no run id: letters, digits, '_' and '-'.")
        self.run_id = run_id
        self.path = root / run_id

    def make(self) -> None:
        """Make the folder, where it is not there. OSError where a link, or a file, is in its place."""
        if self.path.is_symlink():
            raise OSError(f"'{self.path}' is a link; runs are kept in the results folder itself: remove the link")
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def lock_path(self) -> Path:
        """Where its lock is."""
        return self.path / "lock"

    @property
    def checkpoint_path(self) -> Path:
        """Where its checkpoint is."""
        return self.path / "checkpoint.pt"

    @property
    def record_path(self) -> Path:
        """Where its record is."""
        return self.path / "record.json"

    @property
    def error_path(self) -> Path:
        """Where the traceback is, if it failed."""
        return self.path / "error.log"

    def record(self) -> Record | None:
        """The record; None where there is none. Raises UnreadableRecord."""
        return parse_record(self.record_path) if is_there(self.record_path) else None

    @property
    def done(self) -> bool:
        """Whether it has a record, which can be read, of a run that is done."""
        try:
            record = self.record()
        except UnreadableRecord:
            return False
        return record is not None and record.status == "done"

    @property
    def failed_again(self) -> bool:
        """Whether it is done, and failed when it was run once more: its results are what they were, beside a log."""
        return self.done and is_there(self.error_path)

    def refresh(self) -> None:
        """Make a network file system look again for files that were not there."""
        with suppress(OSError):
            os.listdir(self.path)

    def owner(self) -> Owner | None:
        """The process that is writing the run; None where there is none that lives."""
        return living_owner(self.lock_path)

    def weights(self) -> dict[str, Tensor]:
        """The trained model. BenchError where the file is missing, damaged, or not that of its record."""
        path, record = self.path / WEIGHTS, self.record()
        weights = read_weights(path, self.run_id)
        if record and self.is_changed(WEIGHTS, record):
            raise BenchError(f"The weights '{path}' are not those of its record. {AGAIN}")
        return weights

    def arrays(self) -> dict[str, np.ndarray]:
        """The array-valued metrics; none where there are none. Raises DamagedFile."""
        return self._read_npz("arrays.npz")

    def views(self) -> dict[str, np.ndarray]:
        """What figures draw; nothing where the run left none, as those of schema 1. Raises DamagedFile."""
        return self._read_npz("views.npz")

    def legend(self) -> Legend:
        """How to read its numbers; empty where it left none, or none that can be read."""
        try:
            return parse_legend(read_regular(self.path / "legend.json", MOST_WORDS))
        except (OSError, ValidationError):
            return Legend()

    def history(self) -> dict[str, list[float]]:
        """The columns of the losses over training; none where they are missing or cannot be read."""
        try:
            text = read_regular(self.path / "history.csv", MOST_WORDS).decode("utf-8")
            rows = list(itertools.islice(csv.DictReader(io.StringIO(text, newline="")), MOST_ROWS))
            return {
                name: [float("nan" if row[name] == "" else row[name]) for row in rows]
                for name in (rows[0] if rows else ())
            }
        except (OSError, ValueError, TypeError, csv.Error):
            return {}

    def checksums(self) -> dict[str, str]:
        """SHA-256 of each file that belongs to the record, by name. Raises OSError."""
        names = [name for name in BESIDE_THE_RECORD if name != self.checkpoint_path.name]
        return {name: checksum for name in names if (checksum := self.checksum(name))}

    def checksum(self, name: str) -> str:
        """SHA-256 of a file of the folder; "" where it is not there. Raises OSError where it is no regular file."""
        try:
            return sha256_of(self.path / name)
        except FileNotFoundError:
            return ""

    def is_changed(self, name: str, record: Record) -> bool:
        """Whether a file that is there is not that of the record. Raises OSError where it is no regular file."""
        return bool(record.files) and self.checksum(name) not in ("", record.files.get(name))

    def problems(self, record: Record) -> list[str]:
        """Which files have been changed, or are missing, since the record was written; none where all are as they were.

        The record must have a digest.
        """
        words = []
        try:
            now = self.checksums()
        except OSError as error:
            return [str(error)]
        for name in record.files.keys() | now.keys():
            if name not in now:
                words.append(f"{name} is missing")
            elif now[name] != record.files.get(name):
                words.append(f"{name} was changed")
        return sorted(words)

    def _read_npz(self, name: str) -> dict[str, np.ndarray]:
        path = self.path / name
        try:
            return read_npz(path)
        except FileNotFoundError:
            return {}
        except PermissionError as error:
            raise DamagedFile(no_permission(path)) from error
        except (OSError, ValueError) as error:
            raise DamagedFile(
                f"'{path}' is damaged ({error}); `bench evaluate {self.run_id}` makes it again."
            ) from error


class ClaimedRun(RunFolder):
    """A run folder that this process has claimed: every write looks first whether it still has the lock.

    `RunStore.claim` makes it.
    """

    def __init__(self, root: Path, run_id: str, lock: Lock) -> None:
        super().__init__(root, run_id)
        self._lock = lock
        for name in (*BESIDE_THE_RECORD, self.record_path.name, self.error_path.name):
            sweep(self.path / name)

    @property
    def lost(self) -> bool:
        """Whether another process has taken the run over, as of the last beat of the lock."""
        return self._lock.lost

    def note(self, progress: float) -> None:
        """Tell other processes how far the run is, in [0, 1]."""
        self._lock.note(progress)

    def write(self, path: Path, write: Callable[[Path], object]) -> None:
        """Write a file of the folder atomically. Raises LockLostError where the run is another process's by now."""
        self._write_together({path.name: write})

    def write_results(self, results: Results) -> None:
        """Leave what belongs beside the record of a run that is done: all of it, or, where that fails, nothing."""
        self._write_together(
            {
                WEIGHTS: lambda path: write_weights(path, results.weights, self.run_id),
                "history.csv": lambda path: results.history.to_csv(path, index=False),
                "arrays.npz": _npz(results.arrays),
                "views.npz": _npz(results.views),
                "legend.json": _text(results.legend.model_dump_json(indent=1)),
            }
        )

    def write_arrays(self, arrays: Mapping[str, np.ndarray], views: Mapping[str, np.ndarray]) -> None:
        """Leave the array-valued metrics and the views of an evaluation."""
        self._write_together({"arrays.npz": _npz(arrays), "views.npz": _npz(views)})

    def write_legend(self, legend: Legend) -> None:
        """Leave word of how to read the numbers, which is also word of what has been computed."""
        self._write_together({"legend.json": _text(legend.model_dump_json(indent=1))})

    def write_record(self, record: Record) -> None:
        """Write the record of a run: of one that is done last of all, since it is complete with it.

        The checkpoint of a run that is done goes. The traceback of a run that is not is written beside the record,
        which stays as it was if the run was done before: what is whole is not given up for a failure.
        """
        if record.status == "done" or not self.done:
            sealed = record.model_copy(update={"files": self.checksums()})
            sealed.digest = sealed.compute_digest()
            self._write_together({self.record_path.name: _text(sealed.model_dump_json(indent=1))})
        if record.error:
            self._write_together({self.error_path.name: _text(record.error.traceback)})
        else:
            self.error_path.unlink(missing_ok=True)
        if self.done:
            self.checkpoint_path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what a run that failed has left, its checkpoint included: it may be what fills the disk.

        What it left when it was done before stays.
        """
        self._lock.require()
        for name in (self.checkpoint_path.name,) if self.done else BESIDE_THE_RECORD:
            (self.path / name).unlink(missing_ok=True)

    def _write_together(self, writes: Mapping[str, Callable[[Path], object]]) -> None:
        """Write files of the folder, by name, atomically: none where one of them cannot be written."""
        self._lock.require()

        def and_look(write: Callable[[Path], object]) -> Callable[[Path], None]:
            def write_and_look(temporary: Path) -> None:
                write(temporary)
                self._lock.require()  # a large file takes its time

            return write_and_look

        write_together({self.path / name: and_look(write) for name, write in writes.items()})


def _npz(arrays: Mapping[str, Any]) -> Callable[[Path], None]:
    """What writes arrays to a path."""
    import numpy as np

    return lambda path: np.savez_compressed(path, allow_pickle=False, **arrays)


def _text(text: str) -> Callable[[Path], object]:
    """What writes text to a path."""
    return lambda path: path.write_text(text, encoding="utf-8")
