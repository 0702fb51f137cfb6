"""Submit a plan to a cluster: what of it is not there yet, packed into jobs, in arrays."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cluster.states import ask_queue, states_of
from bench.cluster.submission import PREFIX, Sent, Submission, new_id, read_all, root, write
from bench.errors import BenchError, counted
from bench.execute.environment import software, timestamp, user
from bench.execute.job import Job
from bench.plan.plan import Plan
from bench.store.lock import Lock, LockLostError, acquire
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from slurm import launcher, watcher
from slurm.errors import SlurmError
from slurm.launcher import Array
from slurm.profile import Profile

PAYLOAD = "bench.cluster.node:carry_out"
PACK_SECONDS = 600
"""Runs whose duration is known are packed into jobs of about this long: queueing and starting one costs seconds."""
DEFAULT_ARRAY_SIZE = 1001
"""SLURM's own, for a dry run where there is none."""


@dataclass(frozen=True)
class Cluster:
    """What was asked for on the command line."""

    profile: Profile
    runs_per_job: int | None = None
    max_parallel: int | None = None


def narrow(plan: Plan, store: RunStore, retry_failed: bool) -> tuple[Plan, list[str]]:
    """Take what a cluster has from what is to do, and what it lost unless that is to be tried again.

    Returns the plan, and ids of jobs that wait for ever with runs that are to be tried again. BenchError where SLURM
    does not say what it has.
    """
    submissions = read_all(store.root)
    if not submissions:
        return plan, []
    states = states_of([spec.run_id for spec in plan.todo], store, submissions, ask_queue())
    if unknown := [state for state in states.values() if state.state == "unknown"]:
        raise BenchError(f"{len(unknown)} of these runs were submitted before, and may be queued: {unknown[0].note}")
    submitted = [run_id for run_id, state in states.items() if state.active]
    lost = [run_id for run_id, state in states.items() if state.state == "lost"]
    held = {job.job_id for run_id in lost if (job := states[run_id].job) and job.active}
    kept = {*submitted, *([] if retry_failed else lost)}
    todo = [spec for spec in plan.todo if spec.run_id not in kept]
    narrowed = replace(plan, todo=todo, submitted=submitted, lost=[] if retry_failed else lost)
    return narrowed, sorted(held) if retry_failed else []


@contextmanager
def one_at_a_time(results: Path) -> Iterator[Lock]:
    """Let no other command submit from the same results folder meanwhile; whoever submits looks at the lock first."""
    root(results).mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 120
    while (lock := acquire(root(results) / "lock", "submitting")) is None:
        if time.monotonic() > deadline:
            raise BenchError(f"Another command is submitting runs from '{results}' (see {root(results) / 'lock'}).")
        time.sleep(0.5)
    try:
        yield lock
    except LockLostError as error:
        raise BenchError(
            f"This command was silent too long, and another submits now ({error}). Issue it again."
        ) from error
    finally:
        lock.release()


def lay_out(plan: Plan, results: Path, job: Job, cluster: Cluster, seconds: Mapping[str, float]) -> Submission:
    """Pack the runs, of which some durations are known, into jobs and arrays; nothing is written or submitted."""
    n_workers = cluster.profile.n_workers
    shared = {run_id: value / n_workers for run_id, value in seconds.items()}
    per_job = cluster.runs_per_job or (n_workers if n_workers > 1 and len(seconds) < len(plan.todo) else None)
    target = min(PACK_SECONDS, cluster.profile.minutes * 60 / 4)
    jobs = launcher.pack([spec.run_id for spec in plan.todo], shared, target, per_job)
    try:
        limits = watcher.limits()
    except watcher.SlurmUnavailable:  # a dry run elsewhere
        limits = watcher.Limits("", DEFAULT_ARRAY_SIZE)
    submission_id = new_id()
    sent = Sent(
        command=job.command,
        created=timestamp(),
        data_dir=job.data_dir.absolute(),
        user=user(),
        cluster=limits.cluster,
        device=job.device,
        threads=cluster.profile.cpus,
        n_workers=n_workers,
        force=job.force,
        software=software(),
    )
    arrays = launcher.arrays(f"{PREFIX}{submission_id}", jobs, limits.max_array_size)
    if cluster.max_parallel and cluster.max_parallel < len(arrays):
        raise BenchError(
            f"--max-parallel {cluster.max_parallel} cannot be kept by {len(arrays)} arrays, which run a job at a time "
            f"each; allow {len(arrays)}, or pack the runs into fewer jobs with --runs-per-job."
        )
    return Submission(root(results.absolute()) / submission_id, sent, tuple(arrays))


def describe(submission: Submission, profile: Profile, seconds: Mapping[str, float]) -> str:
    """How many arrays and jobs, what each may take, and what that comes to at most."""
    sizes = [len(array.jobs) for array in submission.arrays]
    gpus = f"{counted(profile.gpus, 'GPU')}, " if profile.gpus else ""
    hours = sum(sizes) * profile.minutes / 60 * (profile.gpus or profile.cpus)
    unit = "GPU" if profile.gpus else "core"
    guess = sum(seconds.values()) / 3600 * (profile.gpus / profile.n_workers if profile.gpus else profile.cpus)
    estimate = f", {guess:.2g} by runs like {len(seconds)} of them" if seconds else ""
    return (
        f"  {counted(len(sizes), 'array')} of {' + '.join(map(str, sizes))} jobs for "
        f"{counted(len(submission.run_ids), 'run')}; each job: {gpus}{counted(profile.cpus, 'core')}, "
        f"{profile.memory_gb:g} GiB, {profile.minutes} min; {unit} hours: {hours:.3g} at most{estimate}"
    )


def scripts(submission: Submission, cluster: Cluster) -> str:
    """The script of the first array; the others differ in name and size only."""
    limit = _share(cluster, submission)
    return launcher.script(submission.arrays[0], cluster.profile, submission.folder, limit)


def submit(
    submission: Submission, specs: Mapping[str, RunSpec], store: RunStore, cluster: Cluster, lock: Lock
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
            limit = _share(cluster, submission)
            lock.require()
            job_ids.append(launcher.submit(array, cluster.profile, submission.folder, PAYLOAD, limit))
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


def _share(cluster: Cluster, submission: Submission) -> int | None:
    """Of the jobs that may run at a time, those of each array."""
    return cluster.max_parallel // len(submission.arrays) if cluster.max_parallel else None
