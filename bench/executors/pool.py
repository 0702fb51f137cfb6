"""Worker processes that share out the CPU threads and the GPUs of this machine.

A worker that dies (out of memory, kill -9) costs the run it was at, which is recorded as failed, and is replaced.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import torch

from bench.run import Event, Job, failed_record, finished_record, run_one
from bench.spec import RunSpec
from bench.store import RunStore, UnreadableRecord


class WorkerDiedError(Exception):
    """A worker process ended in the middle of a run."""


def execute(specs: Sequence[RunSpec], job: Job, on_event: Callable[[Event], None], n_workers: int) -> None:
    """Carry out the runs on `n_workers` processes, in order of the queue; returns when all have ended."""
    queue = deque(specs)
    workers: list[_Worker] = []
    try:
        for slot in range(min(n_workers, len(specs))):
            workers.append(_Worker(slot_job(job, slot, n_workers)))
            workers[-1].give(queue)
        while busy := [worker for worker in workers if worker.spec]:
            # A process is watched beside its pipe, which a child that it forked may hold open after its death.
            ready = wait([handle for worker in busy for handle in (worker.connection, worker.process.sentinel)])
            for worker in busy:
                if worker.connection in ready or worker.process.sentinel in ready:
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
    """Take one message of a worker, an event to pass on; or, where there is none to come, its end."""
    event = worker.receive()
    if event is None:
        on_event(_record_death(worker))
        worker.restart()
        worker.give(queue)
        return
    on_event(event)
    if event.kind in ("finished", "skipped"):
        worker.give(queue)


def _record_death(worker: _Worker) -> Event:
    """Record the run of a dead worker as failed, unless it had finished or another command has taken it up."""
    assert worker.spec is not None
    worker.process.join()
    code = worker.process.exitcode or 0
    cause = f"signal {signal.Signals(-code).name}, perhaps out of memory" if code < 0 else f"exit status {code}"
    record = failed_record(worker.spec, WorkerDiedError(f"The worker process ended with {cause}."))
    store = RunStore(worker.job.results)
    with suppress(OSError, UnreadableRecord), store.claim(worker.spec.run_id) as mine:
        if not mine:
            return Event("skipped", worker.spec.run_id, note="another command has taken it up")
        if finished := finished_record(worker.spec, worker.job, store):
            record = finished
        else:
            store.write_record(record)
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
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: Ctrl-C is the parent's to handle
        try:
            self.process.start()
        finally:
            signal.signal(signal.SIGINT, handler)
        theirs.close()

    def give(self, queue: deque[RunSpec]) -> None:
        """Send the next run of the queue, if there is one. To a dead process it is lost, which is noticed next."""
        self.spec = queue.popleft() if queue else None
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
    """A worker's life: take a run, carry it out, report."""

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
        run_one(spec, job, report)
