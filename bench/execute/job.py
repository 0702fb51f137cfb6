"""How a run is to be carried out, and what is told of it while it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bench.store.spec import Record


@dataclass(frozen=True)
class Job:
    """How and where runs are carried out. `threads` may change the last digits of a number; `device` the noise as well.

    Attributes
    ----------
    results, data_dir : Path
        Root of the store; where data sets are.
    device : str
        "cpu", "cuda" or "cuda:N".
    threads : int, optional
        CPU threads of a run; None leaves torch's own choice.
    gpu_share : float
        Of the GPU's memory, what a run may take, in (0, 1].
    shared : bool
        Whether other runs share the machine: marks timings.
    force : bool
        Whether a record that exists is replaced.
    command : str
        The command line, for provenance.
    cluster : dict
        On a cluster: the submission, job, node and restarts, for provenance. Empty elsewhere.
    """

    results: Path
    data_dir: Path
    device: str
    threads: int | None = None
    gpu_share: float = 1.0
    shared: bool = False
    force: bool = False
    command: str = ""
    cluster: dict[str, Any] = field(default_factory=dict)

    def settles(self, record: Record | None) -> bool:
        """Whether a record leaves nothing to do: it is done, or this very submission made it (then even a failure)."""
        if record is None:
            return False
        if self.cluster and record.provenance.get("cluster", {}).get("submission") == self.cluster["submission"]:
            return True
        return record.status == "done" and not self.force


class Event(NamedTuple):
    """What happened to a run.

    `kind` is "started", "progress" in [0, 1], "checkpoint" at such a progress, "finished" with its record, or, with a
    note, "skipped" (it is another's), "stopped" (as it was asked to) or "lost" (no job of the cluster will carry it
    out).
    """

    kind: str
    run_id: str
    progress: float = 0.0
    record: Record | None = None
    note: str = ""
