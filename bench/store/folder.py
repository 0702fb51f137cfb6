"""A run folder: all that one run leaves. Anybody may read it; only the process that has claimed it may write."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import from_json

from bench.store.files import sweep, write_atomically
from bench.store.legend import Legend
from bench.store.lock import Lock, Owner, is_stale, read_owner
from bench.store.record import READABLE_SCHEMAS, SCHEMA_VERSION, Record
from bench.store.weights import read_weights, write_weights

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor

BESIDE_THE_RECORD = ("weights.safetensors", "history.csv", "arrays.npz", "views.npz", "legend.json", "checkpoint.pt")
"""What a run that is done leaves beside its record, and what it needs on the way."""


class UnreadableRecord(Exception):
    """A record that is truncated, or of another schema. It is named and left alone."""


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
        self.run_id = run_id
        self.path = root / run_id

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

    def record(self) -> Record | None:
        """The record; None where there is none. Raises UnreadableRecord."""
        return parse_record(self.record_path) if self.record_path.exists() else None

    def refresh(self) -> None:
        """Make a network file system look again for files that were not there."""
        with suppress(OSError):
            os.listdir(self.path)

    def owner(self) -> Owner | None:
        """The process that is writing the run; None where there is none that lives."""
        owner = read_owner(self.lock_path)
        return owner if owner and not is_stale(self.lock_path) else None

    def weights(self) -> dict[str, Tensor]:
        """The trained model. BenchError where the file is missing, damaged or of another run."""
        return read_weights(self.path / "weights.safetensors", self.run_id)

    def arrays(self) -> dict[str, np.ndarray]:
        """The array-valued metrics; none where there are none. Raises DamagedFile."""
        return self._read_npz("arrays.npz")

    def views(self) -> dict[str, np.ndarray]:
        """What figures draw; nothing where the run left none, as those of schema 1. Raises DamagedFile."""
        return self._read_npz("views.npz")

    def legend(self) -> Legend:
        """How to read its numbers; empty where it left none, or none that can be read."""
        try:
            return Legend.model_validate_json((self.path / "legend.json").read_bytes())
        except (OSError, ValidationError):
            return Legend()

    def history(self) -> dict[str, list[float]]:
        """The columns of the losses over training; none where they are missing or cannot be read."""
        try:
            with (self.path / "history.csv").open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            return {
                name: [float("nan" if row[name] == "" else row[name]) for row in rows]
                for name in (rows[0] if rows else ())
            }
        except (OSError, ValueError, TypeError, csv.Error):
            return {}

    def _read_npz(self, name: str) -> dict[str, np.ndarray]:
        import numpy as np

        path = self.path / name
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return {key: arrays[key] for key in arrays.files}
        except FileNotFoundError:
            return {}
        except Exception as error:  # a damaged archive fails in a dozen ways
            raise DamagedFile(
                f"'{path}' is damaged ({type(error).__name__}: {error}); `bench evaluate {self.run_id}` makes it again."
            ) from error


class ClaimedRun(RunFolder):
    """A run folder that this process has claimed: every write looks first whether it still has the lock.

    `RunStore.claim` makes it.
    """

    def __init__(self, root: Path, run_id: str, lock: Lock) -> None:
        super().__init__(root, run_id)
        self._lock = lock
        for name in (*BESIDE_THE_RECORD, "record.json", "error.log"):
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
        self._lock.require()

        def write_and_look(temporary: Path) -> None:
            write(temporary)
            self._lock.require()  # a large file takes its time

        write_atomically(path, write_and_look)

    def write_results(self, results: Results) -> None:
        """Leave what belongs beside the record of a run that is done."""
        self.write(self.path / "weights.safetensors", lambda path: write_weights(path, results.weights, self.run_id))
        self.write(self.path / "history.csv", lambda path: results.history.to_csv(path, index=False))
        self.write_arrays(results.arrays, results.views)
        self.write_legend(results.legend)

    def write_arrays(self, arrays: Mapping[str, np.ndarray], views: Mapping[str, np.ndarray]) -> None:
        """Leave the array-valued metrics and the views of an evaluation."""
        import numpy as np

        def savez(values: Mapping[str, Any]) -> Callable[[Path], None]:
            return lambda path: np.savez_compressed(path, allow_pickle=False, **values)

        self.write(self.path / "arrays.npz", savez(arrays))
        self.write(self.path / "views.npz", savez(views))

    def write_legend(self, legend: Legend) -> None:
        """Leave word of how to read the numbers, which is also word of what has been computed."""
        self._write_text("legend.json", legend.model_dump_json(indent=1))

    def write_record(self, record: Record) -> None:
        """Write the record of a run: of one that is done last of all, since it is complete with it.

        The checkpoint of a run that is done goes. The traceback of a run that is not is written beside the record.
        """
        self._write_text("record.json", record.model_dump_json(indent=1))
        if record.error:
            self._write_text("error.log", record.error.traceback)
        else:
            (self.path / "error.log").unlink(missing_ok=True)
        if record.status == "done":
            self.checkpoint_path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what a run that failed has left, its checkpoint included: it may be what fills the disk."""
        self._lock.require()
        for name in BESIDE_THE_RECORD:
            (self.path / name).unlink(missing_ok=True)

    def _write_text(self, name: str, text: str) -> None:
        self.write(self.path / name, lambda path: path.write_text(text, encoding="utf-8"))


def parse_record(path: Path) -> Record:
    """The record in a file. Raises UnreadableRecord."""
    try:
        # Opened in any case: network file systems keep what they know of a closed file. Unbuffered: read at once.
        with path.open("rb", buffering=0) as file:
            content = _values(file.read())
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableRecord(f"truncated or not a record ({error})") from error
    return _validate(content, path.parent.name)


def _values(text: bytes) -> Any:
    """What JSON holds. Pydantic's reader is fast and keeps one copy of a recurring word; json reads what it refuses."""
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text.decode("utf-8"))


def _validate(content: Any, run_id: str) -> Record:
    try:
        version = content["schema_version"]
    except (KeyError, TypeError) as error:
        raise UnreadableRecord(f"truncated or not a record ({error})") from error
    if version not in READABLE_SCHEMAS:
        raise UnreadableRecord(f"schema {version}, this version reads up to {SCHEMA_VERSION}; update bench")
    try:
        record = Record.model_validate(content)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise UnreadableRecord(f"{error.error_count()} invalid fields, first {where}") from error
    if record.run_id != run_id:
        raise UnreadableRecord(f"the record of another run, {record.run_id}; delete the copy")
    return record
