"""Launcher: packs runs into jobs and jobs into arrays, and submits the arrays through submitit.

A job is identified by the name of its array and its index in it, never by its job id: a new cluster counts ids from the
start again, and an id is lost if the submitter dies right after sbatch. An array of one job is submitted as a plain job
with index 0.
"""

from __future__ import annotations

import io
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from slurm.errors import SlurmError, refusal
from slurm.profile import Profile
from slurm.watcher import withdraw
from slurm.worker import BLOCKED, Payload


@dataclass(frozen=True)
class Array:
    """Jobs that are submitted together: job i carries out the runs `jobs[i]`."""

    name: str
    """The name by which its jobs are identified."""
    jobs: tuple[tuple[str, ...], ...]
    """The runs of each job."""


def pack(
    run_ids: Sequence[str], seconds: Mapping[str, float], target_seconds: float, per_job: int | None
) -> list[tuple[str, ...]]:
    """Distribute runs over jobs, in order.

    Parameters
    ----------
    run_ids : sequence of str
        The runs.
    seconds : mapping
        Run id -> duration, where it is known; a run of unknown duration gets a job of its own.
    target_seconds : float
        A job takes runs as long as the sum of their durations is at most this.
    per_job : int, optional
        If set, each job gets this many runs, whatever their durations.
    """
    if per_job is not None:
        return [tuple(run_ids[start : start + per_job]) for start in range(0, len(run_ids), per_job)]
    jobs: list[list[str]] = []
    total = math.inf
    for run_id in run_ids:
        total += seconds.get(run_id, math.inf)
        if total <= target_seconds:
            jobs[-1].append(run_id)
        else:
            jobs.append([run_id])
            total = seconds.get(run_id, math.inf)
    return [tuple(job) for job in jobs]


def arrays(name: str, jobs: Sequence[tuple[str, ...]], max_array_size: int) -> list[Array]:
    """Split the jobs into arrays that the cluster accepts: MaxArraySize is one more than the largest index."""
    size = max(1, max_array_size)
    starts = range(0, len(jobs), size)
    return [Array(f"{name}-{chunk}", tuple(jobs[start : start + size])) for chunk, start in enumerate(starts)]


def chosen(profile: Profile, field: Literal["partition", "account", "qos", "constraint"]) -> str | None:
    """The value of the profile, else of the user's environment; None leaves it to the cluster."""
    value: str | None = getattr(profile, field)
    return value or os.environ.get(f"SBATCH_{field.upper()}") or None


def script(array: Array, profile: Profile, folder: Path, max_parallel: int | None) -> str:
    """The script that `submit` passes to sbatch. Works without SLURM."""
    # This function is private, but it alone writes the script; `submit` calls it too.
    from submitit.slurm.slurm import _make_sbatch_string

    place = _place(array, folder)
    return _make_sbatch_string(
        command=f"{_python()} -u -m submitit.core._submit {shlex.quote(str(place))}",
        folder=place,
        map_count=len(array.jobs) if len(array.jobs) > 1 else None,
        **_parameters(array, profile, max_parallel),
    )


def submit(array: Array, profile: Profile, folder: Path, function: str, max_parallel: int | None) -> str:
    """Submit the array, at most `max_parallel` of its jobs at a time.

    Parameters
    ----------
    array : Array
        Its name must be new: otherwise the jobs of two submissions would be confused.
    profile : Profile
        The resources of each job.
    folder : Path
        The results folder; submitit's files go to `folder / array.name`.
    function : str
        "module:name" of the function that the jobs call; see `worker.Payload`.
    max_parallel : int, optional
        Most jobs at a time; None leaves it to the cluster.

    Returns
    -------
    str
        The job id of the array. If SlurmError is raised, no job and no file is left behind.
    """
    if missing := [command for command in ("sbatch", "srun") if not shutil.which(command)]:
        raise SlurmError(
            f"{missing[0]} is not found on {os.uname().nodename}: submit from a login node of the cluster, "
            "or run the plan here without SLURM."
        )
    from submitit import SlurmExecutor
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    place = _place(array, folder)
    if any(place.glob("*_submitted.pkl")):
        raise SlurmError(f"'{array.name}' has been submitted from '{folder}' before; give the array a new name.")
    root = str(folder.absolute())
    payloads = [Payload(function, root, runs, profile.minutes, profile.signal_delay) for runs in array.jobs]
    with _nothing_left_behind(array, place):
        executor = SlurmExecutor(place, python=_python())
        executor.update_parameters(**_parameters(array, profile, max_parallel))
        try:
            with _clean_environment(), redirect_stderr(io.StringIO()):  # submitit also prints what it raises
                job_id = executor.submit_array(payloads)[0].job_id
        except (FailedJobError, FailedSubmissionError) as error:
            raise SlurmError(f"sbatch refused '{array.name}': {refusal(str(error))}") from error
    return job_id.partition("_")[0]


@cache
def _python() -> str:
    """The interpreter's command line. It blocks signals, so that a warning waits until the worker listens.

    An early warning would otherwise kill the job. An `env` that cannot block them (coreutils before 8.31) is not used.
    With -P nothing is imported from the folder that the job starts in, where a folder `models` would hide ours.
    """
    names = ",".join(number.name.removeprefix("SIG") for number in BLOCKED)
    blocking = ["env", f"--block-signal={names}"]
    try:
        can_block = subprocess.run([*blocking, "true"], capture_output=True).returncode == 0
    except OSError:
        can_block = False
    return shlex.join([*(blocking if can_block else []), sys.executable, "-P"])


def submitted_id(folder: Path, name: str) -> str | None:
    """The job id that sbatch gave to an array; None if it has not answered.

    submitit renames the script to 'ID_submission.sh' as soon as it has the id; a payload needs the id in its name too.
    """
    ids = (re.fullmatch(r"(\d{1,18})_submission\.sh", path.name) for path in (folder / name).glob("*_submission.sh"))
    return next((match[1] for match in ids if match), None)


def require_path(folder: Path) -> None:
    """SlurmError if SLURM cannot write a log into the folder: it reads '%' and '\\' in a log's path as patterns."""
    path = str(folder.absolute())
    if not path.isprintable() or "%" in path or "\\" in path:
        raise SlurmError(
            f"The results folder {str(folder)!r} has a '%' or a '\\' in its path, which SLURM replaces, or a character "
            "that cannot be printed; use another folder."
        )


def _place(array: Array, folder: Path) -> Path:
    require_path(folder)
    return folder.absolute() / array.name


def _parameters(array: Array, profile: Profile, max_parallel: int | None) -> dict[str, Any]:
    """The profile as submitit's parameters."""
    forced: dict[str, Any] = {
        "signal": f"USR2@{profile.signal_delay}",  # not SUBMITIT_PREEMPT_SIGNAL: the worker waits for USR2
        "requeue": True,
        "open-mode": "append",
        # submitit spells its options with "_": so an option of the profile replaces submitit's of the same name
        **{name.replace("-", "_"): value for name, value in profile.sbatch.items()},
    }
    return {
        "job_name": array.name,
        **{field: chosen(profile, field) for field in ("partition", "account", "qos", "constraint")},
        "time": profile.minutes,
        "mem": f"{math.ceil(profile.memory_gb * 1024)}M",
        "cpus_per_task": profile.cpus,
        "gpus_per_node": profile.gpus or None,
        "signal_delay_s": profile.signal_delay,
        "setup": list(profile.setup) or None,
        "stderr_to_stdout": True,
        "array_parallelism": max_parallel or len(array.jobs),
        "wckey": None,  # submitit's default is refused where wckeys are enforced
        "srun_args": ["--cpus-per-task", str(profile.cpus)],  # from 22.05 on srun does not inherit it
        "additional_parameters": {name: value for name, value in forced.items() if value is not False},
    }


@contextmanager
def _clean_environment() -> Iterator[None]:
    """Hide variables that would override the script (SBATCH_*) or describe a job that this process is in (SLURM_*)."""
    prefixes = ("SBATCH_", "SLURM_", "SLURMD_", "SRUN_", "SUBMITIT_")
    hidden = {name: value for name, value in os.environ.items() if name.startswith(prefixes) and name != "SLURM_CONF"}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def _nothing_left_behind(array: Array, place: Path) -> Iterator[None]:
    """Undo a submission that failed or was interrupted: leave no job, and no file that looks like one."""
    before = set(place.iterdir()) if place.exists() else set()
    try:
        yield
    except BaseException:
        with suppress(SlurmError):  # the array may be in the queue although sbatch got no answer
            withdraw(array.name)
        with suppress(OSError):
            for path in set(place.iterdir()) - before:
                path.unlink()
            place.rmdir()
        raise
