"""`bench extract` on a real SLURM: a job that is queued again half-way goes on, to what is extracted here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.store.lock import read_owner
from tests.bench.cli.helpers import bench
from tests.slurm.harness import SMALL, await_, await_empty_queue, only_job
from tests.slurm.testcluster import Cluster

pytestmark = pytest.mark.cluster

NET = """
import time
from pathlib import Path

import torch
from torch import nn


class Slow(nn.Linear):
    def forward(self, x):
        time.sleep(Path("slow").exists())
        return super().forward(x.flatten(1))


def net():
    torch.manual_seed(0)
    return nn.Sequential(Slow(64, 5))
"""


@pytest.fixture
def folder(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    """A folder with a network; what a test leaves in the queue is cancelled."""
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    (tmp_path / "slow").touch()
    yield tmp_path
    cluster.client("scancel", "--me", "--quiet", check=False)
    await_empty_queue(cluster, 60)


def rows(folder: Path) -> np.ndarray:
    return np.concatenate([np.load(file) for file in sorted(folder.glob("shard-*.npy"))])


WORDS = ("extract", "--backbone", "./net.py:net", "--inputs", "digits", "--layer", "0", "--limit", "800")
PROFILE = [word for value in SMALL for word in ("--slurm", value)]
JOB = (*WORDS, "--out", "acts", "--executor", "slurm", *PROFILE, "--results", "runs")


def under_way(cluster: Cluster, folder: Path) -> bool:
    owner = read_owner(folder / "acts" / ".lock")
    return owner is not None and owner.job == only_job(cluster, "%i") and owner.progress > 0


def test_an_extraction_survives_being_queued_again(
    cluster: Cluster, folder: Path, observe: Callable[[float, str], None]
) -> None:
    start = time.monotonic()
    submitted = bench(*JOB, cwd=folder)
    assert "Submitted 000001-" in submitted.stdout, submitted
    await_(lambda: under_way(cluster, folder), 240, "an extraction under way")
    assert "is running (job" in bench(*JOB, cwd=folder).stdout, "nothing is submitted twice"
    cluster.client("scancel", "--signal=USR2", only_job(cluster, "%i"))
    (log,) = folder.glob("runs/.slurm/*/*/*_log.out")
    await_(lambda: "is queued again" in log.read_text(encoding="utf-8"), 240, "the job to queue itself again")
    (folder / "slow").unlink()
    await_empty_queue(cluster, 400)
    status = bench("status", "--results", "runs", cwd=folder)
    assert (status.returncode, "done" in status.stdout) == (0, True), log.read_text(encoding="utf-8")
    assert "Stopped." in bench("logs", "000001", "--results", "runs", cwd=folder).stdout
    assert "acts: 0, 800 rows of 5 numbers" in bench(*JOB, cwd=folder).stdout, "nothing is left to do"
    observe(time.monotonic() - start, "an extraction is warned, queued again and goes on from its shard; identical")
    assert bench(*WORDS, "--out", "here", cwd=folder).returncode == 0
    assert len(list((folder / "acts").glob("shard-*.npy"))) > 1
    np.testing.assert_array_equal(rows(folder / "acts"), rows(folder / "here"))


def test_cancelling_one_and_going_on(cluster: Cluster, folder: Path) -> None:
    bench(*JOB, cwd=folder)
    await_(lambda: under_way(cluster, folder), 240, "an extraction under way")
    said = bench("cancel", "000001", "--results", "runs", cwd=folder)
    assert (said.returncode, said.stdout.splitlines()[-1]) == (0, "1 cancelled."), said
    await_empty_queue(cluster, 120)
    assert "lost" in bench("status", "--results", "runs", cwd=folder).stdout
    (folder / "slow").unlink()
    assert "Submitted 000002-" in bench(*JOB, cwd=folder).stdout
    await_empty_queue(cluster, 400)
    assert "acts: 0, 800 rows of 5 numbers" in bench(*JOB, cwd=folder).stdout
