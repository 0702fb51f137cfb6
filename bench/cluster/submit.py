"""SLURM as an executor: what of some runs is not there yet is packed into jobs, and submitted in arrays."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from bench.cluster.follow import follow
from bench.cluster.profiles import load_profile, require_accepted
from bench.cluster.states import Queue, ask_queue, states_of
from bench.cluster.submission import (
    PREFIX,
    Sent,
    Submission,
    identity,
    lock_of,
    new_id,
    root,
    scan,
    user,
    write,
)
from bench.errors import BenchError, counted
from bench.execute.dispatch import Batch, Executor, Survey
from bench.execute.environment import software
from bench.execute.job import Job, OnEvent
from bench.store.lock import Lock, LockLostError, acquire
from bench.store.parsing import UnreadableRecord
from bench.store.record import timestamp
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from slurm import launcher, watcher
from slurm.errors import SlurmError
from slurm.launcher import Array
from slurm.profile import Profile

PAYLOAD = "bench.cluster.node:carry_out"
"""What jobs call. It lies in jobs that are queued: to rename it is to lose them."""
PACK_SECONDS = 600
"""Runs whose duration is known are packed into jobs of about this long: queueing and starting one costs seconds."""
DEFAULT_ARRAY_SIZE = 1001
"""SLURM's own, for a dry run where there is none."""


@dataclass(frozen=True)
class Layout:
    """How runs become jobs."""

    runs_per_job: int | None = None
    """Runs in a job; None: by their duration."""
    max_parallel: int | None = None
    """Jobs at a time; None leaves it to the cluster."""

    def share(self, submission: Submission) -> int | None:
        """Of the jobs that may run at a time, those of each array."""
        return self.max_parallel // len(submission.arrays) if self.max_parallel else None


class Slurm(Executor):
    """Jobs of a cluster.

    Parameters
    ----------
    profile : Profile
        What a job asks for.
    layout : Layout
        How runs become jobs.
    wait : bool
        Whether to follow the runs to their end.
    """

    interrupted = "The jobs go on. Issue the same command to follow them again, or `bench cancel` to end them."

    def __init__(self, profile: Profile, layout: Layout, wait: bool) -> None:
        self.profile, self.layout, self.follows = profile, layout, wait
        self._lock: Lock | None = None

    @classmethod
    def from_options(cls, options: Any) -> Self:
        profile = load_profile(options.profile, options.slurm or ())
        return cls(profile, Layout(options.runs_per_job, options.max_parallel), options.wait)

    def place(self, job: Job, n_runs: int) -> str:
        return f"slurm, {job.device}"

    def choose_device(self, wanted: str) -> str:
        """What the profile asks for, which this machine need not have."""
        on_gpu = self.profile.gpus > 0
        if wanted == "cuda" and not on_gpu:
            raise BenchError("--device cuda: the profile asks for no GPU; use --profile gpu, or --slurm gpus=1.")
        return wanted if wanted != "auto" else "cuda" if on_gpu else "cpu"

    def require(self, specs: Sequence[RunSpec], job: Job) -> list[str]:
        """BenchError where the cluster would refuse the profile or the folder, or runs cannot succeed."""
        if specs:
            launcher.require_path(job.results)
            require_accepted(self.profile)
        return super().require(specs, job)

    @contextmanager
    def alone(self, results: Path) -> Iterator[None]:
        """Let no other command submit from the same results folder meanwhile."""
        with one_at_a_time(results) as self._lock:
            yield

    def survey(self, specs: Sequence[RunSpec], store: RunStore, retry_failed: bool) -> Survey:
        """Take what the cluster has from what is to do, and what it lost unless that is to be tried again.

        What was never submitted is to do in any case. BenchError where SLURM does not say what it has.
        """
        submissions, unreadable = scan(store.root)
        if not submissions and not unreadable:
            return Survey(list(specs))
        queue = ask_queue()
        _require_known(unreadable, queue)
        states = states_of([spec.run_id for spec in specs], store, submissions, queue)
        if unknown := [state for state in states.values() if state.state == "unknown"]:
            raise BenchError(
                f"{len(unknown)} of these runs were submitted before, and may be queued: {unknown[0].note}"
            )
        submitted = [run_id for run_id, state in states.items() if state.active]
        lost = [run_id for run_id, state in states.items() if state.state == "lost" and not state.never_submitted]
        held = {job.job_id for run_id in lost for job in states[run_id].jobs}
        left = {*submitted, *([] if retry_failed else lost)}
        todo = [spec for spec in specs if spec.run_id not in left]
        return Survey(todo, submitted, [] if retry_failed else lost, sorted(held) if retry_failed else ())

    def lay_out(self, survey: Survey, job: Job, seconds: Mapping[str, float]) -> Batch:
        """Pack the runs into jobs and arrays; nothing is written or submitted before they are handed over."""
        submission = pack(survey.todo, job, self.profile, self.layout, seconds)
        pending = [*survey.submitted, *submission.run_ids]
        store = RunStore(job.results)

        def follow_all(on_event: OnEvent) -> str:
            silence = follow(pending, store, on_event)
            return f"{silence} Jobs may still run; `python -m bench status` tells later." if silence else ""

        if not submission.arrays:
            return Batch(follow_all, pending=pending)

        def hand_over() -> str:
            assert self._lock is not None, "only the command that is alone submits"
            watcher.cancel(list(survey.held))
            specs = {spec.run_id: spec for spec in survey.todo}
            job_ids = submit(submission, specs, store, self.profile, self.layout, self._lock)
            return f"Submitted {submission.id}: SLURM {'job' if len(job_ids) == 1 else 'jobs'} {', '.join(job_ids)}."

        script = launcher.script(submission.arrays[0], self.profile, submission.folder, self.layout.share(submission))
        return Batch(
            follow_all,
            hand_over,
            pending,
            describe(submission, self.profile, seconds),
            f"The script of {submission.arrays[0].name}:\n\n{script}",
        )

    def execute(self, specs: Sequence[RunSpec], job: Job, on_event: OnEvent) -> None:
        """Submit runs, and follow them to their end."""
        with self.alone(job.results):
            batch = self.lay_out(Survey(list(specs)), job, {})
            batch.hand_over()
        batch.follow(on_event)


@contextmanager
def one_at_a_time(results: Path) -> Iterator[Lock]:
    """Let no other command submit from the same results folder meanwhile; whoever submits looks at the lock first."""
    path = lock_of(results)
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 120
    while (lock := acquire(path, "submitting")) is None:
        if time.monotonic() > deadline:
            raise BenchError(f"Another command is submitting from '{results}' (see {path}).")
        time.sleep(0.5)
    try:
        yield lock
    except LockLostError as error:
        raise BenchError(
            f"This command was silent too long, and another submits now ({error}). Issue it again."
        ) from error
    finally:
        lock.release()


def pack(
    specs: Sequence[RunSpec], job: Job, profile: Profile, layout: Layout, seconds: Mapping[str, float]
) -> Submission:
    """Pack runs, of which some durations are known, into jobs and arrays; nothing is written or submitted."""
    n_workers = profile.n_workers
    shared = {run_id: value / n_workers for run_id, value in seconds.items()}
    per_job = layout.runs_per_job or (n_workers if n_workers > 1 and len(seconds) < len(specs) else None)
    target = min(PACK_SECONDS, profile.minutes * 60 / 4)
    jobs = launcher.pack([spec.run_id for spec in specs], shared, target, per_job)
    try:
        limits = watcher.limits()
    except watcher.SlurmUnavailable:  # a dry run elsewhere
        limits = watcher.Limits("", DEFAULT_ARRAY_SIZE)
    submission_id = new_id(job.results)
    sent = Sent(
        command=job.command,
        created=timestamp(),
        results=job.results.absolute(),
        data_dir=job.data_dir.absolute(),
        user=user(),
        cluster=limits.cluster,
        device=job.device,
        metrics=job.metrics,
        threads=profile.cpus,
        n_workers=n_workers,
        force=job.force,
        software=software(),
    )
    arrays = launcher.arrays(f"{PREFIX}{submission_id}", jobs, limits.max_array_size)
    if layout.max_parallel and layout.max_parallel < len(arrays):
        raise BenchError(
            f"--max-parallel {layout.max_parallel} cannot be kept by {len(arrays)} arrays, which run a job at a time "
            f"each; allow {len(arrays)}, or pack the runs into fewer jobs with --runs-per-job."
        )
    folder = root(job.results.absolute()) / submission_id
    return Submission(folder, sent, tuple(arrays), _there_before(specs, RunStore(job.results)))


def _there_before(specs: Sequence[RunSpec], store: RunStore) -> dict[str, str]:
    """Run id -> the record that the run has; none for one that cannot be read."""
    found = {}
    for spec in specs:
        with suppress(UnreadableRecord):
            if record := store.load(spec.run_id):
                found[spec.run_id] = identity(record)
    return found


def _require_known(unreadable: Mapping[Path, str], queue: Queue) -> None:
    """BenchError where a submission has jobs, or may have, and nobody knows of which runs."""
    for folder, reason in unreadable.items():
        if queue.jobs is None:
            raise BenchError(f"'{folder}' is {reason}, and may have jobs in the queue: {queue.silence}")
        if names := {name for name, _ in queue.active if name.startswith(f"{PREFIX}{folder.name}-")}:
            raise BenchError(
                f"'{folder}' is {reason}, and has jobs in the queue, maybe of these runs. End them first: "
                f"scancel --name={','.join(sorted(names))}"
            )


def describe(submission: Submission, profile: Profile, seconds: Mapping[str, float]) -> str:
    """How many arrays and jobs, what each may take, and what that comes to at most."""
    sizes = [len(array.jobs) for array in submission.arrays]
    gpus = f"{counted(profile.gpus, 'GPU')}, " if profile.gpus else ""
    hours = sum(sizes) * profile.minutes / 60 * (profile.gpus or profile.cpus)
    unit = "GPU" if profile.gpus else "core"
    guess = sum(seconds.values()) / 3600 * (profile.gpus / profile.n_workers if profile.gpus else profile.cpus)
    estimate = f", {guess:.2g} by runs like {len(seconds)} of them" if seconds else ""
    return (
        f"  {counted(len(sizes), 'array')} of {' + '.join(map(str, sizes))} job{'s' * (sum(sizes) != 1)} for "
        f"{counted(len(submission.run_ids), 'run')}; each job: {gpus}{counted(profile.cpus, 'core')}, "
        f"{profile.memory_gb:g} GiB, {profile.minutes} min; {unit} hours: {hours:.3g} at most{estimate}; "
        "more where a job is queued again"
    )


def submit(
    submission: Submission,
    specs: Mapping[str, RunSpec],
    store: RunStore,
    profile: Profile,
    layout: Layout,
    lock: Lock,
) -> list[str]:
    """Hand the arrays to SLURM; their job ids.

    What it refuses is taken from the submission, and SlurmError raised. LockLostError where another command submits.
    """
    for run_id in submission.run_ids:
        store.write_spec(specs[run_id])
    lock.require()
    write(submission)
    accepted: list[Array] = []
    job_ids = []
    try:
        for array in submission.arrays:
            lock.require()
            limit = layout.share(submission)
            job_ids.append(launcher.submit(array, profile, submission.folder, PAYLOAD, limit))
            accepted.append(array)
    except SlurmError as error:
        if not accepted:
            raise
        done = f"{len(accepted)} of {len(submission.arrays)} arrays were submitted"
        raise SlurmError(f"{error} {done}; issue the same command again for the rest.") from error
    finally:
        if len(accepted) < len(submission.arrays):
            write(replace(submission, arrays=tuple(accepted)))
    return job_ids
