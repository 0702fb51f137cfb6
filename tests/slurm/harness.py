"""The command line on a cluster, as a person uses it, and a model whose training a test can slow down or break."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.store.lock import Owner, is_stale, read_owner
from bench.store.record import ClusterJob, Record
from bench.store.runs import RunStore
from tests.slurm.testcluster import Cluster

REPOSITORY = Path(__file__).parents[2]
SMALL = ("cpus=1", "memory_gb=0.3")
"""Of a job, so that twelve fit on the test cluster."""
OF_THE_MACHINE = ("train_seconds", "step_ms", "peak_memory")

MODEL = '''
"""Denoising autoencoder whose steps take `pause` seconds, and which breaks half-way as `fault` says."""
import time
import torch
from models.base import DenseCodes, GradientConfig, Losses, Model


class Slow(Model):
    class Config(GradientConfig):
        n_latents: int = 8
        pause: float = 0.0
        fault: str = ""
        size: int = 1

    def __init__(self, config, n_features):
        super().__init__(config, n_features)
        self.encoder = torch.nn.Linear(n_features, config.n_latents)
        self.decoder = torch.nn.Linear(config.n_latents, n_features)
        self.register_buffer("ballast", torch.rand(config.size))

    def loss(self, x, labels, progress):
        time.sleep(self.config.pause)
        noisy = x + 0.1 * torch.randn_like(x)
        error = (self.decode(self.encode(noisy)) - x).square().mean()
        if progress > 0.5 and self.config.fault == "raise":
            raise RuntimeError("raised on purpose")
        if progress > 0.5 and self.config.fault == "nan":
            error = error * float("nan")
        return Losses(error, {"mse": error})

    def encode(self, x):
        return DenseCodes(self.encoder(x).relu())

    def decode(self, codes):
        return self.decoder(codes.z)
'''


@dataclass
class Bench:
    """Commands on one results folder, and what they leave there."""

    folder: Path
    results: Path
    slurm: tuple[str, ...] = SMALL
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = REPOSITORY

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "slow.py").write_text(MODEL, encoding="utf-8")
        self.store = RunStore(self.results)

    def __call__(self, *arguments: str, code: int | None = 0) -> str:
        """Issue a command; its output. `code` is the exit status that it must have."""
        done = self.start(*arguments)
        output, _ = done.communicate(timeout=400)
        assert code is None or done.returncode == code, output
        return output

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Issue a command, and do not wait for it."""
        command = [sys.executable, "-m", "bench", *arguments, "--results", str(self.results)]
        env = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **self.env}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.cwd, env=env, **pipes)  # type: ignore[call-overload,no-any-return]

    def run(self, *arguments: str) -> list[str]:
        """The arguments of a small study of the slow model on the cluster."""
        profile = [word for value in self.slurm for word in ("--slurm", value)]
        model = ["--models", f"{self.folder / 'slow.py'}:Slow", "--budget", "smoke", "--seeds", "1"]
        return ["run", *model, "--executor", "slurm", *profile, *arguments]

    def reference(self, *arguments: str) -> dict[str, float | str]:
        """The numbers of the slow model, run here, at once and without a pause."""
        alone = Bench(self.folder / "alone", self.folder / "alone" / "runs")
        alone("run", "--models", f"{alone.folder / 'slow.py'}:Slow", "--budget", "smoke", "--seeds", "1", *arguments)
        return numbers(alone.records()[0])

    def records(self) -> list[Record]:
        """All records."""
        return self.store.scan().records

    def states(self) -> dict[str, int]:
        """Runs by state, of all submissions, as `bench status` counts them."""
        lines = self("status", code=None).splitlines()
        at = next((i for i, line in enumerate(lines) if line.startswith("submission")), None)
        if at is None:
            return {}
        words = lines[at].split()[1:-1]
        totals = dict.fromkeys(words, 0)
        for line in lines[at + 2 :]:
            if not line.strip():
                break
            if not re.match(r"\d{6}-", line):
                continue  # the rest of a long command
            for word, count in zip(words, line.split()[1:], strict=False):
                totals[word] += int(count)
        return {word: count for word, count in totals.items() if count}

    def owners(self) -> dict[str, Owner]:
        """Who runs what, as of now: the dead leave their locks behind."""
        found = {path.parent.name: read_owner(path) for path in self.results.glob("[!.]*/lock") if not is_stale(path)}
        return {run_id: owner for run_id, owner in found.items() if owner}

    def await_progress(self, n_runs: int = 1, progress: float = 0.0, seconds: float = 90) -> dict[str, Owner]:
        """Until so many runs are under way."""

        def under_way() -> bool:
            return sum(owner.progress >= progress for owner in self.owners().values()) >= n_runs

        await_(under_way, seconds, f"{n_runs} runs under way")
        return self.owners()

    def await_checkpoint(self, seconds: float = 120) -> None:
        """Until a run has left one."""
        await_(lambda: bool(list(self.results.glob("*/checkpoint.pt"))), seconds, "a checkpoint")

    def await_records(self, n_runs: int = 1, seconds: float = 240) -> list[Record]:
        """Until so many runs have one."""
        await_(lambda: len(list(self.results.glob("*/record.json"))) >= n_runs, seconds, f"{n_runs} records")
        return self.records()


def await_(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for a condition; how long it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"waited {seconds} s in vain for {what}"
        time.sleep(0.2)
    return time.monotonic() - start


def await_empty_queue(cluster: Cluster, seconds: float = 120) -> None:
    """Until no job is queued or running."""
    await_(lambda: not cluster.client("squeue", "--noheader"), seconds, "an empty queue")


def only_job(cluster: Cluster, what: str) -> str:
    """A fact of the only job, by its letter in squeue's formats: %i its id, %N its node."""
    return cluster.client("squeue", "--noheader", f"--format={what}").strip()


def numbers(record: Record) -> dict[str, float | str]:
    """The metrics on both splits that do not measure the machine, NaN as a word so that it equals itself."""
    assert record.status == "done", record.error
    scalars = {**record.metrics, **{f"validation.{name}": value for name, value in record.validation.items()}}
    kept = {name: value for name, value in scalars.items() if name not in OF_THE_MACHINE}
    return {name: "nan" if math.isnan(value) else value for name, value in kept.items()}


def job_of(record: Record) -> ClusterJob:
    """The job that carried a run out."""
    assert record.provenance.cluster
    return record.provenance.cluster


def kill(owner: Owner) -> None:
    """End a run's process as the kernel does when memory is short."""
    os.kill(owner.pid, signal.SIGKILL)


def path_without(command: str, folder: Path) -> str:
    """A PATH that has all but one command of SLURM."""
    folder.mkdir(parents=True)
    for name in ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "sacct"):
        found = shutil.which(name)
        if found and name != command:
            (folder / name).symlink_to(found)
    return f"{folder}:{Path(sys.executable).parent}:/bin"
