"""How a run is to be carried out, and what is told of it while it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from bench.store.record import ClusterJob, Record


@dataclass(frozen=True)
class Job:
    """How and where runs are carried out. Threads may change the last digits of a number, a device its noise."""

    results: Path
    """Root of the store."""
    data_dir: Path
    """Where data sets are."""
    device: str
    """"cpu", "cuda" or "cuda:N"."""
    metrics: tuple[str, ...] = ("all",)
    """Names or references of what is measured."""
    threads: int | None = None
    """CPU threads of a run; None leaves torch's own choice."""
    gpu_share: float = 1.0
    """Of the GPU's memory, what a run may take, in (0, 1]."""
    shared: bool = False
    """Whether other runs share the machine: marks timings."""
    force: bool = False
    """Whether a record that exists is replaced."""
    command: str = ""
    """The command line, for provenance."""
    cluster: ClusterJob | None = None
    """On a cluster: the job, for provenance."""

    @property
    def submission(self) -> str | None:
        """On a cluster: which submission it belongs to."""
        return self.cluster.submission if self.cluster else None

    def settles(self, record: Record | None) -> bool:
        """Whether a record leaves nothing to do: it is done, or this very submission made it (then even a failure)."""
        if record is None:
            return False
        if self.cluster and record.provenance.submission == self.submission:
            return True
        return record.status == "done" and not self.force


EventKind = Literal["started", "progress", "checkpoint", "finished", "skipped", "stopped", "lost"]


class Event(NamedTuple):
    """What happened to a run."""

    kind: EventKind
    """"skipped": it is another's; "stopped": as it was asked to; "lost": no job of the cluster will carry it out."""
    run_id: str
    """Which run."""
    progress: float = 0.0
    """Of training, in [0, 1]."""
    record: Record | None = None
    """Of a run that is finished."""
    note: str = ""
    """Why it was skipped, stopped or lost."""


OnEvent = Callable[[Event], None]
