"""The runs below one results folder.

    DIR/RUN_ID/record.json           spec, status, metrics, timings, provenance, or the error
    DIR/RUN_ID/weights.safetensors   the trained model
    DIR/RUN_ID/history.csv           losses over training
    DIR/RUN_ID/arrays.npz            array-valued metrics
    DIR/RUN_ID/views.npz             inputs, reconstructions, atoms, traversals and codes, for figures
    DIR/RUN_ID/legend.json           what the metrics mean, and why some do not apply
    DIR/RUN_ID/error.log             the traceback of a failed run
    DIR/RUN_ID/lock                  while a process runs it: which one, and how far it is
    DIR/RUN_ID/checkpoint.pt         training that was interrupted
    DIR/RUN_ID/spec.json             what a cluster is to run

A record is written last, so a run with a `done` record is complete.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bench.errors import BenchError, describe_validation, first_line, unknown
from bench.store.files import is_there, read_regular, require_writable, write_text
from bench.store.folder import RUN_ID, ClaimedRun, RunFolder
from bench.store.lock import Owner, acquire
from bench.store.parsing import MOST_BYTES, UnreadableRecord, parse_record
from bench.store.progress import read_progress
from bench.store.record import Record
from bench.store.spec import RunSpec

WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class Scan:
    """All records of a results folder."""

    records: list[Record]
    """Those that can be read."""
    unreadable: dict[Path, str]
    """The files that cannot be read, each with the reason."""


@dataclass(frozen=True)
class Unfinished:
    """A run that a process of this machine, or of another, is at; or that was stopped and has a checkpoint."""

    run_id: str
    """Which run."""
    owner: Owner | None
    """The process that is at it; None where there is none any more."""
    progress: float | None
    """How far training, or else its checkpoint, is, in [0, 1]; None where that is not known."""


class RunStore:
    """The runs below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def require_writable(self) -> None:
        """Create the folder and prove that it takes a file; BenchError otherwise."""
        require_writable(self.root, "--results")

    def folder(self, run_id: str) -> RunFolder:
        """A run's folder, to be read."""
        return RunFolder(self.root, run_id)

    def load(self, run_id: str) -> Record | None:
        """The record of a run; None where it has none. Raises UnreadableRecord."""
        return self.folder(run_id).record()

    def find(self, name: str) -> Record:
        """The one record whose run id starts or ends with `name`. BenchError where there is none, or more than one."""
        hint = f"Looked in '{self.root}'; `bench status` lists all."
        path = self.folder(match(name, self.recorded(), hint)).record_path
        try:
            return parse_record(path)
        except UnreadableRecord as error:
            raise BenchError(f"'{path}' cannot be read: {error}") from error

    def recorded(self) -> list[str]:
        """Ids of all runs that have a record, readable or not."""
        return [path.parent.name for path in self._record_paths()]

    def scan(self) -> Scan:
        """Read every record."""
        records, unreadable = [], {}
        for path in self._record_paths():
            try:
                records.append(parse_record(path))
            except UnreadableRecord as error:
                unreadable[path] = str(error)
        return Scan(records, unreadable)

    def unfinished(self) -> list[Unfinished]:
        """The runs that are under way, and those without a record that have a checkpoint, by run id."""
        found = []
        for name in filter(RUN_ID.fullmatch, self._names()):
            folder = self.folder(name)
            if os.path.lexists(folder.lock_path) and (owner := folder.owner()):
                found.append(Unfinished(name, owner, owner.progress))
            elif os.path.lexists(folder.checkpoint_path) and not os.path.lexists(folder.record_path):
                found.append(Unfinished(name, None, read_progress(folder.checkpoint_path)))
        return found

    def _record_paths(self) -> list[Path]:
        """Whatever is in the place of a record, links to nowhere included, by run id."""
        paths = (Path(self.root, name, "record.json") for name in self._names())
        # A closed folder may be a run's, but for lost+found and its like.
        return [p for p in paths if (is_there(p) if RUN_ID.fullmatch(p.parent.name) else os.path.lexists(p))]

    def _names(self) -> list[str]:
        """What is in the folder, sorted."""
        try:
            with os.scandir(self.root) as entries:
                return sorted(entry.name for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            return []

    @contextmanager
    def claim(
        self, run_id: str, job: str = "", give_up: Callable[[], bool] | None = None
    ) -> Iterator[ClaimedRun | None]:
        """Claim a run's folder, to write in it; None where a living process has it.

        Parameters
        ----------
        job : str
            What this process is called by others.
        give_up : callable, optional
            Wait for the process that has the run until this is true; without it, do not wait.
        """
        folder = self.folder(run_id)
        folder.make()
        while (lock := acquire(folder.lock_path, job)) is None and give_up and not give_up():
            time.sleep(WAIT_SECONDS)
        if lock is None:
            yield None
            return
        try:
            yield ClaimedRun(self.root, run_id, lock)
        finally:
            lock.release()

    @contextmanager
    def seize(self, run_id: str) -> Iterator[ClaimedRun]:
        """Claim a run's folder, whoever has it: that process finds out before it writes, and leaves off."""
        folder = self.folder(run_id)
        folder.make()
        while (lock := acquire(folder.lock_path, seize=True)) is None:
            time.sleep(WAIT_SECONDS)
        try:
            yield ClaimedRun(self.root, run_id, lock)
        finally:
            lock.release()

    def write_spec(self, spec: RunSpec) -> None:
        """Leave word of what is to run, for a process that is told the run's id only."""
        folder = self.folder(spec.run_id)
        folder.make()
        write_text(folder.path / "spec.json", spec.model_dump_json(indent=1))

    def read_spec(self, run_id: str) -> RunSpec:
        """What `write_spec` left. BenchError where there is nothing, or not that."""
        path = self.folder(run_id).path / "spec.json"
        try:
            spec = RunSpec.model_validate_json(read_regular(path, MOST_BYTES))
        except OSError as error:
            raise BenchError(f"'{path}' cannot be read ({error.strerror or error}). Submit the runs again.") from error
        except ValidationError as error:
            reason = first_line(describe_validation("", error))
            raise BenchError(f"'{path}' is not the spec of a run ({reason}). Submit the runs again.") from error
        if spec.run_id != run_id:
            raise BenchError(f"'{path}' is of another run, {spec.run_id}. Submit the runs again.")
        return spec


def fits(name: str, run_id: str) -> bool:
    """Whether a run's id starts or ends with `name`."""
    return name != "" and (run_id.startswith(name) or run_id.endswith(name))


def match(name: str, run_ids: Iterable[str], hint: str) -> str:
    """The one run whose id starts or ends with `name`. BenchError where there is none, or more than one."""
    ids = sorted(run_ids)
    matches = [run_id for run_id in ids if fits(name, run_id)]
    if not matches:
        raise unknown("run", name, ids[:20], hint)
    if len(matches) > 1:
        raise BenchError(f"'{name}' fits {len(matches)} runs: {', '.join(matches[:5])} ... Give more of it.")
    return matches[0]
