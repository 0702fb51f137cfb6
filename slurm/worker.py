"""Payload: the code that runs inside a job. It calls a function, tells it when to stop, and queues the job again.

Signals only set flags. SLURM sends SIGUSR2 when the time limit is near or the job is preempted; if work is left, the
job then queues itself again. SLURM sends SIGTERM when the job ends at once, for example when it is cancelled; the job
then does not queue itself again. The exception is a preemption on a cluster that sends SIGTERM instead of SIGUSR2.
"""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from slurm.errors import SlurmError

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

BLOCKED = (signal.SIGUSR2, signal.SIGTERM)
SUBMISSION = "submission.json"  # written by the submitter: if a node sees it, the results folder is shared
TERM_GRACE = 4.0  # SLURM kills KillWait seconds after SIGTERM: 30 by default, rarely under 5
EARLY, START = 60.0, 60.0  # SLURM may be a minute early, and this process starts later than the job
REQUEUE_MARGIN = 30.0  # seconds of signal_delay that are left for queueing the job again

Function = Callable[[str, tuple[str, ...], "Stop"], bool]


class Stop:
    """Whether the job has been told to end, and how long its function may still take."""

    def __init__(self, minutes: int, signal_delay: int) -> None:
        self._started = time.monotonic()
        self._signal_delay = signal_delay
        self._long = minutes * 60 - signal_delay - EARLY - START
        self._warned: float | None = None
        self._terminated: float | None = None

    def install(self) -> None:
        """Replace submitit's handlers: they work inside the handler, wherever the main thread happens to be."""
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGCONT, signal.SIG_DFL)
        signal.signal(signal.SIGUSR2, self._on_usr2)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)  # see launcher: earlier signals arrive now

    def _on_usr2(self, signum: int, frame: FrameType | None) -> None:
        self._warned = self._warned or time.monotonic()

    def _on_term(self, signum: int, frame: FrameType | None) -> None:
        self._terminated = self._terminated or time.monotonic()

    def requested(self) -> bool:
        """Whether the function must return soon."""
        return self._warned is not None or self._terminated is not None

    @property
    def terminated(self) -> bool:
        """Whether SIGTERM came: SLURM then ends the job, and decides whether it is queued again."""
        return self._terminated is not None

    @property
    def timed_out(self) -> bool:
        """Whether the warning came when the time limit was near; False for an earlier preemption."""
        return self._warned is not None and self._warned - self._started >= self._long

    @property
    def grace(self) -> float:
        """Seconds from the first signal until the function must have returned."""
        warned = self._signal_delay - min(REQUEUE_MARGIN, self._signal_delay / 4)
        if self._terminated is None:
            return warned
        if self._warned is None or self._terminated < self._warned:
            return TERM_GRACE
        return min(warned, self._terminated - self._warned + TERM_GRACE)

    @property
    def seconds_left(self) -> float:
        """Seconds until the job is killed, as far as is known; the function's grace is a part of them."""
        if self._terminated is not None:
            return self._terminated + TERM_GRACE - time.monotonic()
        return (self._warned or time.monotonic()) + self._signal_delay - time.monotonic()


@dataclass(frozen=True)
class Payload:
    """One job: a function and the runs it carries out."""

    function: str
    """"module:name" of `function(folder, run_ids, stop) -> bool`; True means that everything is finished."""
    folder: str
    """The results folder, on a file system that the nodes share."""
    run_ids: tuple[str, ...]
    """The runs of this job."""
    minutes: int
    """Time limit of the job, in minutes."""
    signal_delay: int
    """SLURM warns this many seconds before the time limit."""

    def __call__(self) -> bool:
        """Run the function; if a warning cut it short, queue the job again."""
        stop = Stop(self.minutes, self.signal_delay)
        stop.install()
        if not (Path(self.folder) / SUBMISSION).exists():
            node = describe().get("node", os.uname().nodename)
            raise SlurmError(
                f"The results folder '{self.folder}' is not shared with node {node}: it has no {SUBMISSION} there. "
                "Use a folder on a file system that all nodes mount, and do not move it while jobs wait."
            )
        module, _, name = self.function.partition(":")
        function: Function = getattr(importlib.import_module(module), name)
        finished = function(self.folder, self.run_ids, stop)
        if not finished and stop.requested() and (not stop.terminated or _being_preempted()):
            _requeue(stop)
            sys.exit(0)
        return finished

    def checkpoint(self, *args: Any) -> DelayedSubmission:
        """The payload that submitit queues again if the warning arrives before `Stop.install`: this one."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def describe() -> dict[str, str | int]:
    """The job of this process: job (as SLURM writes it, '12_3'), name, index, node, restarts; {} outside a job."""
    env = os.environ
    if "SLURM_JOB_ID" not in env:
        return {}
    index = env.get("SLURM_ARRAY_TASK_ID")
    return {
        "job": env["SLURM_JOB_ID"] if index is None else f"{env['SLURM_ARRAY_JOB_ID']}_{index}",
        "name": env.get("SLURM_JOB_NAME", ""),
        "index": int(index or 0),
        "node": env.get("SLURMD_NODENAME", os.uname().nodename),
        "restarts": int(env.get("SLURM_RESTART_COUNT", 0)),
    }


def _being_preempted() -> bool:
    """Whether SIGTERM announced a preemption.

    SLURM sends SIGTERM by default, and counts a job that exits within the grace time as completed. A job that was
    cancelled, or that SLURM queued again, is not RUNNING any more.
    """
    try:
        words = _scontrol("show", "job", "--oneliner", str(describe()["job"]), timeout=TERM_GRACE)
    except _ScontrolFailed:
        return False
    return "JobState=RUNNING" in words and re.search(r"PreemptTime=\d", words) is not None


def _requeue(stop: Stop) -> None:
    """Queue this job again; if the controller does not answer, retry until the job's time is over."""
    job = str(describe()["job"])
    while True:
        try:
            _scontrol("requeue", job, timeout=max(5.0, stop.seconds_left))
            print(f"Job {job} is queued again.", flush=True)
            return
        except _ScontrolFailed as error:
            if stop.seconds_left < 2:
                raise SlurmError(f"Job {job} could not be queued again: {error}") from error
        time.sleep(1)


class _ScontrolFailed(Exception):
    """A scontrol command failed; the message is the command's own."""


def _scontrol(*arguments: str, timeout: float) -> str:
    try:
        done = subprocess.run(["scontrol", *arguments], capture_output=True, text=True, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _ScontrolFailed(str(error)) from error
    if done.returncode:
        raise _ScontrolFailed(done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}")
    return done.stdout
