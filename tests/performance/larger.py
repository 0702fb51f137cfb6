"""Training on a file that is larger than memory: its rate beside a bare loop over the same file, and its memory.

`python -m tests.performance.larger FOLDER [ROWS]`. FOLDER/larger.npy is made once: ROWS x 768 float16, by default
10,000,000 and 15 GB. `FOLDER bare`, `FOLDER harness` and `FOLDER all` do one part.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.execute.dispatch import Inline, require_runnable
from bench.execute.job import Job
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.store.runs import RunStore
from models.topk import TopK

ROWS, D, RANK, CHUNK = 10_000_000, 768, 16, 50_000
STEPS, WARM = 300, 10
SIZES = {"n_latents": 4096, "k": 32, "batch_size": 1024}


def make(path: Path, rows: int) -> None:
    """Rows of low rank, shifted, with noise: float16, by chunks."""
    torch.manual_seed(0)
    basis, shift = torch.randn(RANK, D), 3 * torch.randn(D)
    written = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(rows, D))
    for start in range(0, rows, CHUNK):
        n = min(CHUNK, rows - start)
        x = torch.randn(n, RANK).relu() @ basis + shift + 0.5 * torch.randn(n, D)
        written[start : start + n] = x.numpy().astype(np.float16)
    written.flush()


def bare(path: Path) -> None:
    """The same steps in a loop of their own: rows in the order of the file, all read, converted and normalised."""
    torch.manual_seed(0)
    model = TopK(TopK.Config(**SIZES), D)
    stored = np.load(path, mmap_mode="r")
    first = torch.from_numpy(stored[:50_000].astype(np.float32))
    shift, scale = first.mean(0), first.var(0, correction=0).mean().rsqrt()
    model.prepare((first - shift) * scale, torch.full((len(first),), -1))
    torch.set_num_threads(1)
    optimiser = torch.optim.Adam(model.parameters(), lr=model.config.learning_rate, fused=True)
    batches = _in_order(path, stored.offset, SIZES["batch_size"])
    start = 0.0
    for step in range(STEPS):
        if step == WARM:
            start = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        model.loss((next(batches) - shift) * scale, torch.empty(0), step / STEPS).total.backward()
        model.after_backward()
        optimiser.step()
        model.after_step()
    _tell("bare", (time.perf_counter() - start) / (STEPS - WARM))


def _in_order(path: Path, offset: int, size: int) -> Iterator[Tensor]:
    with path.open("rb") as file:
        file.seek(offset)
        while True:
            yield torch.from_numpy(np.fromfile(file, np.float16, size * D).reshape(size, D)).float()


def harness(path: Path, metrics: tuple[str, ...] = ("fvu", "step_ms"), name: str = "harness") -> None:
    """The same number of steps as `bench run` takes them, and evaluation by some metrics."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        sizes = [f"topk.{field}={value}" for field, value in SIZES.items()]
        plan = make_plan(Request.build(models="topk", datasets=str(path), seeds="1", set=sizes), store, Path(folder))
        specs = [spec.model_copy(update={"max_steps": STEPS}) for spec in plan.specs]
        job = Job(store.root, Path(folder), "cpu", metrics, threads=1)
        require_runnable(specs, job)
        Inline().execute(specs, job, lambda _: None)
        (record,) = store.scan().records
    print(*record.notes, {part: round(seconds) for part, seconds in record.timings.items()})
    _tell(name, record.metrics["step_ms"] / 1000)


def _tell(name: str, seconds: float) -> None:
    """A line with the rate, and the most memory that this process had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name}: {SIZES['batch_size'] / seconds:,.0f} samples a second, peak memory {peak:.2f} GiB", flush=True)


def main(folder: Path, rows: int) -> None:
    """Make the file where it is not there, and do all parts in processes of their own, one after the other."""
    path = folder / "larger.npy"
    if not path.exists():
        make(path, rows)
    for what in ("bare", "harness", "bare", "harness", "all"):
        subprocess.run([sys.executable, "-m", __spec__.name, str(folder), what], check=True)


if __name__ == "__main__":
    parts = {"bare": bare, "harness": harness, "all": lambda path: harness(path, ("all",), "with all metrics")}
    what = sys.argv[2] if len(sys.argv) > 2 else str(ROWS)
    if what in parts:
        parts[what](Path(sys.argv[1]) / "larger.npy")
    else:
        main(Path(sys.argv[1]), int(what))
