"""Training on a file that is larger than memory: its rate beside a bare loop over the same file, and its memory.

`python -m tests.performance.larger FOLDER [ROWS]`. FOLDER/larger.npy is made once: ROWS x 768 float16, by default
10,000,000 and 15 GB. `FOLDER rate` and `FOLDER memory` do one part. Each is a process of its own, and so is the making
of the file: the most memory of a process counts what its parent had when it was started.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from bench.datasets.files import FileSource
from bench.datasets.place import Place
from bench.execute.dispatch import Inline, require_runnable
from bench.execute.job import Job
from bench.execute.training import FLUSH_EVERY, train
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.store.runs import RunStore
from models.topk import TopK

D, RANK, CHUNK = 768, 16, 50_000
STEPS = 250
SIZES = {"n_latents": 4096, "k": 32, "batch_size": 1024}


def make(path: Path, rows: str = "10_000_000") -> None:
    """Rows of low rank, shifted, with noise: float16, by chunks."""
    n_rows = int(rows)
    torch.manual_seed(0)
    basis, shift = torch.randn(RANK, D), 3 * torch.randn(D)
    written = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(n_rows, D))
    for start in range(0, n_rows, CHUNK):
        n = min(CHUNK, n_rows - start)
        x = torch.randn(n, RANK).relu() @ basis + shift + 0.5 * torch.randn(n, D)
        written[start : start + n] = x.numpy().astype(np.float16)
    written.flush()


def rate(path: Path) -> None:
    """Samples a second of training, and of the same steps in a bare loop: 50 steps of one, then 50 of the other."""
    torch.set_num_threads(1)
    dataset = FileSource(Place(path, {})).load(Path())
    model, own = (TopK(TopK.Config(**SIZES), D) for _ in range(2))
    own.prepare(dataset.train.x, dataset.train.labels)
    bare = _bare_steps(own, path)
    marks: list[float] = []

    def report(_: float) -> None:
        marks.append(time.perf_counter())
        next(bare)
        marks.append(time.perf_counter())

    train(model, dataset.train, 0, max_steps=STEPS, report=report, batched=dataset.batched)
    theirs = [end - start for start, end in zip(marks[2::2], marks[3::2], strict=False)]  # without the first, slow ones
    ours = [end - start for start, end in zip(marks[3::2], marks[4::2], strict=False)]
    for name, seconds in (("bare", theirs), ("harness", ours)):
        print(f"{name}: {SIZES['batch_size'] * FLUSH_EVERY / statistics.median(seconds):,.0f} samples a second")


def _bare_steps(model: TopK, path: Path) -> Iterator[None]:
    """As many steps at a time as training reports: rows in the order of the file, all read, converted, normalised."""
    optimiser = torch.optim.Adam(model.parameters(), lr=model.config.learning_rate, fused=True)
    size, labels = SIZES["batch_size"], torch.empty(0)
    stored = np.load(path, mmap_mode="r")
    first = torch.from_numpy(stored[: 10 * size].astype(np.float32))
    shift, scale = first.mean(0), first.var(0, correction=0).mean().rsqrt()
    with path.open("rb") as file:
        file.seek(stored.offset)
        while True:
            for _ in range(FLUSH_EVERY):
                x = torch.from_numpy(np.fromfile(file, np.float16, size * D).reshape(size, D)).float()
                optimiser.zero_grad(set_to_none=True)
                model.loss((x - shift) * scale, labels, 0.5).total.backward()
                model.after_backward()
                optimiser.step()
                model.after_step()
            yield


def memory(path: Path) -> None:
    """The most memory of a run with all metrics."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        sizes = [f"topk.{field}={value}" for field, value in SIZES.items()]
        plan = make_plan(Request.build(models="topk", datasets=str(path), seeds="1", set=sizes), store, Path(folder))
        specs = [spec.model_copy(update={"max_steps": STEPS}) for spec in plan.specs]
        job = Job(store.root, Path(folder), "cpu", threads=1)
        require_runnable(specs, job)
        Inline().execute(specs, job, lambda _: None)
        (record,) = store.scan().records
    print(*record.notes, {part: round(seconds) for part, seconds in record.timings.items()})
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


PARTS = {"make": make, "rate": rate, "memory": memory}


def main(folder: str, *asked: str) -> None:
    """Do one part, if it is named; else all of them."""
    path = Path(folder) / "larger.npy"
    if asked and asked[0] in PARTS:
        PARTS[asked[0]](path, *asked[1:])
        return
    for part in PARTS:
        if part != "make" or not path.exists():
            words = asked if part == "make" else ()
            subprocess.run([sys.executable, "-m", "tests.performance.larger", folder, part, *words], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
