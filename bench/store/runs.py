"""Results on disk: one folder per run, one atomic record.json. The only code that knows the layout.

    DIR/RUN_ID/record.json           spec, status, metrics, timings, provenance, or the error
    DIR/RUN_ID/weights.safetensors   the trained model
    DIR/RUN_ID/history.csv           losses over training
    DIR/RUN_ID/arrays.npz            array-valued metrics, for figures
    DIR/RUN_ID/*.png                 reconstructions, atoms and traversals, for the page
    DIR/RUN_ID/error.log             the traceback of a failed run
    DIR/RUN_ID/lock                  while a process runs it: which one, and how far it is
    DIR/RUN_ID/checkpoint.pt         training that was interrupted
    DIR/RUN_ID/spec.json             what a cluster is to run
    DIR/records.index                a copy of all records, which can be deleted at any time

A record is written last, so a run with a `done` record is complete.
"""

from __future__ import annotations

import csv
import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import from_json

from bench.errors import BenchError, unknown
from bench.store.index import Index, state_of
from bench.store.lock import Lock, acquire
from bench.store.spec import SCHEMA_VERSION, Record, RunSpec
from bench.store.weights import write_weights

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor

PICTURES = ("reconstructions", "traversals", "atoms")
LEFT_BESIDE = (
    "weights.safetensors",
    "history.csv",
    "arrays.npz",
    "checkpoint.pt",
    *(f"{name}.png" for name in PICTURES),
)
"""What a run writes beside its record."""
WAIT_SECONDS = 1.0


class UnreadableRecord(Exception):
    """A record that is truncated, or of a newer schema. It is named and left alone."""


@dataclass(frozen=True)
class Scan:
    """All records of a folder, and the files that could not be read with the reason."""

    records: list[Record]
    unreadable: dict[Path, str]


class RunStore:
    """The runs below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def require_writable(self) -> None:
        """Create the folder and prove that it takes a file; BenchError otherwise."""
        probe = self.root / f".probe-{os.getpid()}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise BenchError(
                f"The results folder '{self.root}' cannot be written ({error.strerror}). "
                "Name another with --results DIR, or change its permissions."
            ) from error

    def path(self, run_id: str, name: str = "") -> Path:
        """A run's folder, or a file in it."""
        return self.root / run_id / name

    def weights_path(self, run_id: str) -> Path:
        """Where the weights of a run are."""
        return self.path(run_id, "weights.safetensors")

    def load(self, run_id: str) -> Record | None:
        """The record of a run; None where it has none. Raises UnreadableRecord."""
        path = self.path(run_id, "record.json")
        return _parse(path) if path.exists() else None

    def refresh(self, run_id: str) -> None:
        """Make a network file system look again for files that were not there."""
        with suppress(OSError):
            os.listdir(self.path(run_id))

    def find(self, prefix: str) -> Record:
        """The one record whose run id starts with, or ends with, `prefix`."""
        ids = [path.parent.name for path in self.root.glob("*/record.json")]
        path = self.path(match(prefix, ids, f"Looked in '{self.root}'; `bench status` lists all."), "record.json")
        try:
            return _parse(path)
        except UnreadableRecord as error:
            raise BenchError(f"'{path}' cannot be read: {error}") from error

    def scan(self) -> Scan:
        """Read every record, those that have not changed from the index, and leave an index where one can be left."""
        records, unreadable = [], {}
        index = Index(self.root)
        for path in sorted(self.root.glob("*/record.json")):
            try:
                records.append(_parse(path, index))
            except UnreadableRecord as error:
                unreadable[path] = str(error)
        if index.changed:
            self._write_index(index)
        return Scan(records, unreadable)

    def _write_index(self, index: Index) -> None:
        with suppress(OSError):  # a folder that takes no files is read without
            for path in self.root.glob(f".*.{index.path.name}"):  # of a process that was killed; one that is writing
                path.unlink(missing_ok=True)  # leaves no index then, which is not worth a lock
            write_atomically(index.path, index.write)

    @contextmanager
    def hold(self, run_id: str, job: str = "", give_up: Callable[[], bool] | None = None) -> Iterator[Lock | None]:
        """Hold the lock of a run; None where a living process has it, at once or, where given, not before `give_up()`.

        `job` names this process to others.
        """
        self.path(run_id).mkdir(parents=True, exist_ok=True)
        while (lock := acquire(self.lock_path(run_id), job)) is None and give_up and not give_up():
            time.sleep(WAIT_SECONDS)
        try:
            if lock:
                self._sweep(run_id)
            yield lock
        finally:
            if lock:
                lock.release()

    @contextmanager
    def seize(self, run_id: str) -> Iterator[None]:
        """Hold the lock of a run, whoever has it: that process finds out before it writes, and leaves off."""
        while (lock := acquire(self.lock_path(run_id), seize=True)) is None:
            time.sleep(WAIT_SECONDS)
        try:
            yield
        finally:
            lock.release()

    def lock_path(self, run_id: str) -> Path:
        """Where the lock of a run is."""
        return self.path(run_id, "lock")

    def checkpoint_path(self, run_id: str) -> Path:
        """Where the checkpoint of a run is."""
        return self.path(run_id, "checkpoint.pt")

    def write_spec(self, spec: RunSpec) -> None:
        """Leave word of what is to run, for a process that is told the run's id only."""
        self.path(spec.run_id).mkdir(parents=True, exist_ok=True)
        self._write_text(spec.run_id, "spec.json", spec.model_dump_json(indent=1))

    def read_spec(self, run_id: str) -> RunSpec:
        """What `write_spec` left. BenchError where there is nothing, or not that."""
        path = self.path(run_id, "spec.json")
        try:
            spec = RunSpec.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise BenchError(f"'{path}' cannot be read ({error}). Submit the runs again.") from error
        if spec.run_id != run_id:
            raise BenchError(f"'{path}' is of another run, {spec.run_id}. Submit the runs again.")
        return spec

    def write_artefacts(
        self, run_id: str, weights: dict[str, Tensor], history: pd.DataFrame, arrays: dict[str, np.ndarray]
    ) -> None:
        """Weights, history and arrays of a finished run."""
        import numpy as np

        write_atomically(self.weights_path(run_id), lambda path: write_weights(path, weights, run_id))
        write_atomically(self.path(run_id, "history.csv"), lambda path: history.to_csv(path, index=False))
        write_atomically(
            self.path(run_id, "arrays.npz"), lambda path: np.savez_compressed(path, allow_pickle=False, **arrays)
        )

    def picture_path(self, run_id: str, name: str) -> Path:
        """Where a picture of a run is."""
        return self.path(run_id, f"{name}.png")

    def write_pictures(self, run_id: str, pictures: Mapping[str, bytes]) -> None:
        """PNG files by name; those of an earlier time go."""
        for name in PICTURES:
            path = self.picture_path(run_id, name)
            if name in pictures:
                write_atomically(path, partial(Path.write_bytes, data=pictures[name]))
            else:
                path.unlink(missing_ok=True)

    def read_pictures(self, run_id: str) -> dict[str, bytes]:
        """The PNG files of a run by name, those that are there and can be read."""
        found = {}
        for name in PICTURES:
            with suppress(OSError):
                found[name] = self.picture_path(run_id, name).read_bytes()
        return found

    def read_arrays(self, run_id: str) -> dict[str, np.ndarray]:
        """The array-valued metrics of a run; none where they are missing or cannot be read."""
        import numpy as np

        try:
            with self.path(run_id, "arrays.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except Exception:  # a damaged archive fails in a dozen ways
            return {}

    def read_history(self, run_id: str) -> dict[str, list[float]]:
        """The columns of a run's losses over training; none where they are missing or cannot be read."""
        try:
            with self.path(run_id, "history.csv").open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            return {
                name: [float("nan" if row[name] == "" else row[name]) for row in rows]
                for name in (rows[0] if rows else ())
            }
        except (OSError, ValueError, TypeError, csv.Error):
            return {}

    def discard_artefacts(self, run_id: str) -> None:
        """Remove what a run has left beside its record."""
        for name in LEFT_BESIDE:
            self.path(run_id, name).unlink(missing_ok=True)

    def write_record(self, record: Record) -> None:
        """The record, and the traceback of a failed run beside it; a run that is done needs its checkpoint no more."""
        self.path(record.run_id).mkdir(parents=True, exist_ok=True)
        self._write_text(record.run_id, "record.json", record.model_dump_json(indent=1))
        if record.error:
            self._write_text(record.run_id, "error.log", record.error.traceback)
        else:
            self.path(record.run_id, "error.log").unlink(missing_ok=True)
        if record.status == "done":
            self.checkpoint_path(record.run_id).unlink(missing_ok=True)

    def _sweep(self, run_id: str) -> None:
        """Remove what a process that was killed was writing."""
        for name in LEFT_BESIDE:
            for path in self.path(run_id).glob(f".*.{name}"):
                path.unlink(missing_ok=True)

    def _write_text(self, run_id: str, name: str, text: str) -> None:
        write_text(self.path(run_id, name), text)


def match(name: str, run_ids: Iterable[str], hint: str) -> str:
    """The one run whose id starts or ends with `name`. BenchError where there is none, or more than one."""
    ids = sorted(run_ids)
    matches = [run_id for run_id in ids if name and (run_id.startswith(name) or run_id.endswith(name))]
    if not matches:
        raise unknown("run", name, ids[:20], hint)
    if len(matches) > 1:
        raise BenchError(f"'{name}' fits {len(matches)} runs: {', '.join(matches[:5])} ... Give more of it.")
    return matches[0]


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write to a temporary name in the same folder, then rename: readers see the old file or the new one."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # else a machine that crashes can leave the new name with no content
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _parse(path: Path, index: Index | None = None) -> Record:
    """The record in a file; as the index has it, if that is of this very file. Raises UnreadableRecord."""
    run_id = path.parent.name
    try:
        with path.open("rb", buffering=0) as file:  # opened in any case: network file systems keep a closed one's times
            state = state_of(os.fstat(file.fileno()))
            known = index.find(run_id, state) if index else None
            if known is not None:
                return Record.model_validate(_values(known))
            text = file.read()
        record = _record(_values(text), run_id)
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableRecord(f"truncated or not a record ({error})") from error
    if index:
        index.add(run_id, state, text)
    return record


def _values(text: bytes) -> Any:
    """What JSON holds. Pydantic's reader is fast and keeps a word that recurs once; what it refuses, json decides."""
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text.decode("utf-8"))


def _record(content: Any, run_id: str) -> Record:
    try:
        version = content["schema_version"]
    except (KeyError, TypeError) as error:
        raise UnreadableRecord(f"truncated or not a record ({error})") from error
    if version != SCHEMA_VERSION:
        raise UnreadableRecord(f"schema {version}, this version reads {SCHEMA_VERSION}; update bench")
    try:
        record = Record.model_validate(content)
    except ValidationError as error:
        raise UnreadableRecord(f"{error.error_count()} invalid fields, first {error.errors()[0]['loc']}") from error
    if record.run_id != run_id:
        raise UnreadableRecord(f"the record of another run, {record.run_id}; delete the copy")
    return record
