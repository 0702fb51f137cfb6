"""What a job of a cluster does: carry out the runs it was given, as the pool of one machine does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.cluster.submission import read_sent
from bench.errors import BenchError
from bench.execute import pool
from bench.execute.console import Reporter
from bench.execute.environment import software
from bench.execute.job import Job
from bench.store.record import ClusterJob, Software
from bench.store.runs import RunStore
from slurm.worker import describe

GONE_SECONDS = 10.0
"""How long workers may take to stop where the results folder has gone."""


def carry_out(folder: str, run_ids: Sequence[str], stop: pool.Stop) -> bool:
    """Carry out runs of the submission in `folder`, until `stop` is requested; whether all have ended.

    Runs that an earlier start of this job has ended are not repeated; one that it was at goes on from its checkpoint.
    """
    submission = Path(folder)
    sent = read_sent(submission)
    store = RunStore(submission.parents[1])
    job = Job(
        results=store.root,
        data_dir=sent.data_dir,
        device=sent.device,
        metrics=sent.metrics,
        threads=sent.threads,
        force=sent.force,
        command=sent.command,
        cluster=ClusterJob.model_validate(
            {"submission": submission.name, **describe(), "differs": differences(sent.software, software())}
        ),
    )
    specs = [store.read_spec(run_id) for run_id in run_ids]
    reporter = Reporter(len(specs), store.root, Console(highlight=False, soft_wrap=True))
    there = _WhileThere(submission, stop)
    finished = pool.execute(specs, job, reporter, sent.n_workers, there)
    if there.gone:
        raise BenchError(
            f"The results folder '{store.root}' was moved or deleted while job {describe().get('job')} was at it. "
            f"The job ends here. Where the folder is now, issue the command again with --retry-failed."
        )
    return finished


class _WhileThere:
    """Stops the runs also where the results folder has gone: the next one would make its old path again."""

    def __init__(self, submission: Path, stop: pool.Stop) -> None:
        self._submission, self._stop, self.gone = submission, stop, False

    @property
    def grace(self) -> float:
        return GONE_SECONDS if self.gone else self._stop.grace

    @property
    def timed_out(self) -> bool:
        return not self.gone and self._stop.timed_out

    def requested(self) -> bool:
        requested = self._stop.requested()
        try:
            os.stat(self._submission)
        except (FileNotFoundError, NotADirectoryError):
            self.gone = True
        except OSError:  # a network file system that has a bad moment
            pass
        return self.gone or requested


def differences(there: Software, here: Software) -> list[str]:
    """How the software on this node differs from that of the submission: 'torch 2.6.0, submitted with 2.7.0'."""
    theirs, ours = there.model_dump(), here.model_dump()
    return [
        f"{name} {ours.get(name)}, submitted with {theirs.get(name)}"
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name) != ours.get(name)
    ]
