"""Worker processes that share out the CPU threads and the GPUs of this machine.

A worker that dies (out of memory, kill -9) costs the run it was at, which is recorded as failed, and is replaced; so is
one whose GPU failed, since nothing that it does there afterwards succeeds.
This process imports torch only to count GPUs: in a job of a cluster it is but the one that watches.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Protocol

from bench.execute.job import Event, Job, OnEvent
from bench.execute.machine import n_threads
from bench.execute.process import begin
from bench.store.failure import ended_record, lost_device
from bench.store.lock import LockLostError
from bench.store.parsing import UnreadableRecord
from bench.store.record import Status
from bench.store.runs import RunStore
from bench.store.spec import RunSpec

POLL_SECONDS = 0.5
STOP_SECONDS = 3.0
"""How long a worker that was told to end may take to leave a checkpoint."""
STOP_SIGNALS = (signal.SIGUSR2, signal.SIGTERM)
NO_HEADWAY = (
    "Neither an evaluation nor a checkpoint that goes further was completed within a whole time limit. Give its jobs "
    "more minutes, or its folder more space, and issue the command again with --retry-failed."
)


class WorkerDiedError(Exception):
    """A worker process ended in the middle of a run."""


class NoHeadwayError(Exception):
    """A run made no headway in a whole time limit: starting it again would not end."""


class Stop(Protocol):
    """Whether all is to stop, and how."""

    @property
    def grace(self) -> float:
        """Seconds that stopping may take."""

    @property
    def timed_out(self) -> bool:
        """Whether the time limit is near, as opposed to a preemption."""

    def requested(self) -> bool:
        """Whether to stop."""


def execute(specs: Sequence[RunSpec], job: Job, on_event: OnEvent, n_workers: int, stop: Stop | None = None) -> bool:
    """Carry out the runs on `n_workers` processes, in order of the queue; whether all have ended.

    Where `stop` is requested, those under way leave checkpoints and the others are left.
    """
    queue = deque(specs)
    workers: list[_Worker] = []
    n_ended = 0
    try:
        for slot in range(min(n_workers, len(specs))):
            workers.append(_Worker(slot_job(job, slot, n_workers)))
            workers[-1].give(queue)
        for worker in _ready(workers, queue, stop):
            n_ended += _advance(worker, queue, on_event)
    finally:
        _end(workers)
    for worker in workers:
        if worker.spec and stop and stop.timed_out and not worker.headway:
            on_event(_record_end(worker, "timeout", NoHeadwayError(NO_HEADWAY)))
            n_ended += 1
    return n_ended == len(specs)


def slot_job(job: Job, slot: int, n_workers: int) -> Job:
    """A worker's share: threads (those of the job, or all cores) divided evenly, GPUs dealt in turn.

    Timings are marked if there is company.
    """
    threads = max(1, job.threads // n_workers) if job.threads else n_threads(n_workers)
    job = replace(job, threads=threads, shared=job.shared or n_workers > 1)
    if job.device != "cuda":
        return job
    import torch

    n_gpus = max(1, torch.cuda.device_count())
    runs_per_gpu = -(-n_workers // n_gpus)
    return replace(job, device=f"cuda:{slot % n_gpus}", gpu_share=1 / runs_per_gpu)


def _ready(workers: list[_Worker], queue: deque[RunSpec], stop: Stop | None) -> Iterator[_Worker]:
    """Each worker that has something to say, until none is busy; or until the grace of a requested stop is over."""
    deadline = float("inf")
    while (busy := [worker for worker in workers if worker.busy]) and time.monotonic() < deadline:
        # A process is watched beside its pipe, which a child that it forked may hold open after its death.
        handles = [handle for worker in busy for handle in (worker.connection, worker.process.sentinel)]
        ready = wait(handles, timeout=POLL_SECONDS if stop else None)
        if stop and stop.requested() and deadline == float("inf"):
            deadline = time.monotonic() + stop.grace
            queue.clear()
            for worker in busy:
                worker.signal(signal.SIGUSR2)
        yield from (w for w in busy if w.connection in ready or w.process.sentinel in ready)


def _advance(worker: _Worker, queue: deque[RunSpec], on_event: OnEvent) -> bool:
    """Take one message of a worker, an event to pass on; or, where there is none to come, its end.

    Whether a run has ended.
    """
    event = worker.receive()
    if event is None:
        error = WorkerDiedError(f"The worker process ended with {worker.cause_of_death()}.")
        on_event(_record_end(worker, "failed", error))
        if queue:
            worker.restart()
        worker.give(queue)
        return True
    on_event(event)
    worker.note(event)
    if event.kind in ("finished", "skipped"):
        if queue and event.record and lost_device(event.record):
            worker.restart()
        worker.give(queue)
        return True
    return False


def _record_end(worker: _Worker, status: Status, error: Exception) -> Event:
    """Record the run of a worker that cannot, unless it had finished or another command has taken it up."""
    assert worker.spec is not None
    spec, store = worker.spec, RunStore(worker.job.results)
    record = ended_record(spec, error, status, worker.job.cluster)
    try:
        with suppress(OSError, UnreadableRecord), store.claim(spec.run_id) as run:
            if run is None:
                return Event("skipped", spec.run_id, note="another command has taken it up")
            existing = run.record()
            if existing and worker.job.settles(existing):
                record = existing
            else:
                run.write_record(record)
    except LockLostError as error:
        return Event("skipped", spec.run_id, note=str(error))
    return Event("finished", spec.run_id, 1.0, record)


def _end(workers: list[_Worker]) -> None:
    """End all processes; those in training may leave a checkpoint first."""
    for worker in workers:
        worker.signal(signal.SIGUSR2)
    deadline = time.monotonic() + STOP_SECONDS
    for worker in workers:
        worker.end(deadline)


class _Worker:
    """A process, the pipe to it, and the run it is at.

    `headway` tells whether it has ended a run, or left a checkpoint that goes further, since it began: whether it is of
    any use to start it again.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.spec: RunSpec | None = None
        self.busy = self.headway = False
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs, self.job), daemon=True)
        with _signals_held_back():
            self.process.start()
        theirs.close()

    def give(self, queue: deque[RunSpec]) -> None:
        """Send the next run of the queue, if there is one. To a dead process it is lost, which is noticed next."""
        self.spec = queue.popleft() if queue else None
        self.busy = self.spec is not None
        if self.spec:
            with suppress(OSError):
                self.connection.send(self.spec)

    def receive(self) -> Event | None:
        """Its next message; None where it has died."""
        with suppress(EOFError, OSError):
            if self.connection.poll():
                event: Event = self.connection.recv()
                return event
        return None

    def note(self, event: Event) -> None:
        """Remember what it says of its run."""
        if event.kind == "stopped":
            self.busy = False
        elif event.kind in ("finished", "checkpoint"):
            self.headway = True

    def cause_of_death(self) -> str:
        """'signal SIGKILL, perhaps out of memory'."""
        self.process.join()
        code = self.process.exitcode or 0
        return f"signal {signal.Signals(-code).name}, perhaps out of memory" if code < 0 else f"exit status {code}"

    def restart(self) -> None:
        """Replace the process."""
        self.connection.close()
        self._start()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.process.pid and self.process.is_alive():
            os.kill(self.process.pid, number)

    def end(self, deadline: float) -> None:
        """End the process, in the middle of a run if need be, but not before the deadline (on the monotonic clock)."""
        if not self.busy:
            self.connection.close()
        self.process.join(max(0.0, deadline - time.monotonic()))
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let a process that starts inside inherit that the terminal is not its own, and that signals wait for handlers."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _serve(connection: Connection, job: Job) -> None:
    """A worker's life: take a run, carry it out, report."""
    begin()
    received: list[int] = []  # a list, since setting a threading.Event inside a handler can deadlock
    for number in STOP_SIGNALS:
        signal.signal(number, lambda number, _: received.append(number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    from bench.execute.run import run_one

    def report(event: Event) -> None:
        try:
            connection.send(event)
        except OSError:
            os._exit(1)  # the parent is gone: leave the run without a record, so that it is resumed

    while True:
        try:
            spec = connection.recv()
        except (EOFError, OSError):
            return
        run_one(spec, job, report, stop=lambda: bool(received))
