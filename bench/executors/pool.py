"""Worker processes that share out the CPU threads and the GPUs of this machine.

A worker that dies (out of memory, kill -9) costs the run it was at, which is recorded as failed, and is replaced.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import torch

from bench.run import Event, Job, failed_record, run_one
from bench.spec import RunSpec
from bench.store import RunStore


class WorkerDiedError(Exception):
    """A worker process ended in the middle of a run."""


def execute(specs: Sequence[RunSpec], job: Job, on_event: Callable[[Event], None], n_workers: int) -> None:
    """Carry out the runs on `n_workers` processes, in order of the queue; returns when all have ended."""
    queue = deque(specs)
    workers = [_Worker(slot_job(job, slot, n_workers)) for slot in range(min(n_workers, len(specs)))]
    try:
        for worker in workers:
            worker.give(queue)
        while busy := [worker for worker in workers if worker.spec]:
            for ready in wait([worker.connection for worker in busy]):
                worker = next(worker for worker in busy if worker.connection is ready)
                _advance(worker, queue, on_event)
    finally:
        for worker in workers:
            worker.stop()


def slot_job(job: Job, slot: int, n_workers: int) -> Job:
    """A worker's share: cores divided evenly, GPUs dealt in turn. Timings are marked if there is company."""
    threads = max(1, len(os.sched_getaffinity(0)) // n_workers)
    device = job.device
    if device == "cuda":
        device = f"cuda:{slot % torch.cuda.device_count()}"
    return replace(job, threads=threads, device=device, shared=n_workers > 1)


def _advance(worker: _Worker, queue: deque[RunSpec], on_event: Callable[[Event], None]) -> None:
    """Take one message of a worker: an event to pass on, or its end."""
    assert worker.spec is not None
    try:
        event: Event = worker.connection.recv()
    except EOFError:
        on_event(_record_death(worker))
        worker.restart()
        worker.give(queue)
        return
    on_event(event)
    if event.kind in ("finished", "busy"):
        worker.give(queue)


def _record_death(worker: _Worker) -> Event:
    assert worker.spec is not None
    worker.process.join()
    code = worker.process.exitcode or 0
    cause = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
    record = failed_record(
        worker.spec, WorkerDiedError(f"The worker process ended with {cause}, perhaps out of memory.")
    )
    RunStore(worker.job.results).write_record(record)
    return Event("finished", worker.spec.run_id, 1.0, record)


class _Worker:
    """A process, the pipe to it, and the run it is at."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.spec: RunSpec | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs, self.job), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, queue: deque[RunSpec]) -> None:
        """Send the next run of the queue, if there is one."""
        self.spec = queue.popleft() if queue else None
        if self.spec:
            self.connection.send(self.spec)

    def restart(self) -> None:
        """Replace the process."""
        self.connection.close()
        self._start()

    def stop(self) -> None:
        """End the process, in the middle of a run if need be."""
        self.connection.close()
        self.process.terminate()
        self.process.join()


def _serve(connection: Connection, job: Job) -> None:
    """A worker's life: take a run, carry it out, report; Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            spec = connection.recv()
        except EOFError:
            return
        run_one(spec, job, connection.send)
