"""Results on disk: one folder per run, one atomic record.json. The only code that knows the layout.

    DIR/RUN_ID/record.json           spec, status, metrics, timings, provenance, or the error
    DIR/RUN_ID/weights.safetensors   the trained model
    DIR/RUN_ID/history.csv           losses over training
    DIR/RUN_ID/arrays.npz            array-valued metrics, for figures
    DIR/RUN_ID/error.log             the traceback of a failed run
    DIR/RUN_ID/lock                  held by the process that runs it

A record is written last, so a run with a `done` record is complete.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bench.checkpoint import write_weights
from bench.errors import BenchError, unknown
from bench.spec import SCHEMA_VERSION, Record

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor


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

    def find(self, prefix: str) -> Record:
        """The one record whose run id starts with, or ends with, `prefix`."""
        ids = sorted(path.parent.name for path in self.root.glob("*/record.json"))
        matches = [name for name in ids if name.startswith(prefix) or name.endswith(prefix)]
        if not matches:
            raise unknown("run", prefix, ids[:20], f"Looked in '{self.root}'; `bench status` lists all.")
        if len(matches) > 1:
            raise BenchError(
                f"'{prefix}' is the start of {len(matches)} runs: {', '.join(matches[:5])} ... Give more of it."
            )
        try:
            return _parse(self.path(matches[0], "record.json"))
        except UnreadableRecord as error:
            raise BenchError(f"'{self.path(matches[0], 'record.json')}' cannot be read: {error}") from error

    def scan(self) -> Scan:
        """Read every record."""
        records, unreadable = [], {}
        for path in sorted(self.root.glob("*/record.json")):
            try:
                records.append(_parse(path))
            except UnreadableRecord as error:
                unreadable[path] = str(error)
        return Scan(records, unreadable)

    @contextmanager
    def claim(self, run_id: str) -> Iterator[bool]:
        """Hold a run; False where another process of this machine holds it. Freed even by a kill."""
        self.path(run_id).mkdir(parents=True, exist_ok=True)
        with self.path(run_id, "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            lock.write(str(os.getpid()))
            lock.flush()
            yield True

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

    def write_record(self, record: Record) -> None:
        """The record, and the traceback of a failed run beside it."""
        self.path(record.run_id).mkdir(parents=True, exist_ok=True)
        log = self.path(record.run_id, "error.log")
        if record.error:
            log.write_text(record.error.traceback, encoding="utf-8")
        else:
            log.unlink(missing_ok=True)
        text = record.model_dump_json(indent=1)
        write_atomically(self.path(record.run_id, "record.json"), lambda path: path.write_text(text, encoding="utf-8"))


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write to a temporary name in the same folder, then rename: readers see the old file or the new one."""
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _parse(path: Path) -> Record:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["schema_version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableRecord(f"truncated or not a record ({error})") from error
    if version != SCHEMA_VERSION:
        raise UnreadableRecord(f"schema {version}, this version reads {SCHEMA_VERSION}; update bench")
    try:
        record = Record.model_validate(content)
    except ValidationError as error:
        raise UnreadableRecord(f"{error.error_count()} invalid fields, first {error.errors()[0]['loc']}") from error
    if record.run_id != path.parent.name:
        raise UnreadableRecord(f"the record of another run, {record.run_id}; delete the copy")
    return record
