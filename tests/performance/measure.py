"""One measurement in a process of its own: `python -m tests.performance.measure STEP IMPLEMENTATION N M K`.

Prints a line of JSON: the median step in ms, the peak memory in MB, the loss's fall, the threads, and for some the FVU
of the codes.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.performance.steps import BUILDERS, Step

D = 784
VAE_ROWS = 55_000
WARM_STEPS = 2
LEAST_STEPS, MOST_STEPS = 2, 300
"""At most 300, so that no peer's dead-unit terms wake (SAELens' after 1000 batches)."""
LEAST_SECONDS, MOST_SECONDS = 1.5, 30.0


def mnist_folder() -> str | None:
    """The folder of MNIST, where there is one."""
    folder = os.environ.get("BENCH_DATA_DIR", "data")
    return folder if (Path(folder) / "MNIST" / "raw").is_dir() else None


def inputs(n: int) -> Tensor:
    """The first n MNIST training images, (n, D) in [0, 1], or seeded noise where MNIST is absent."""
    folder = mnist_folder()
    if folder is None:
        return torch.rand(n, D, generator=torch.Generator().manual_seed(0)) ** 4
    from torchvision.datasets import MNIST

    return MNIST(folder, train=True).data[:n].flatten(1).float() / 255


def time_steps(step: Step) -> tuple[float, list[float]]:
    """Median seconds of a step, and the losses; the first steps warm up, unless there is no time for more."""
    losses, seconds = [], []
    start = time.perf_counter()
    while True:
        before = time.perf_counter()
        losses.append(step())
        now = time.perf_counter()
        seconds.append(now - before)
        timed = seconds[WARM_STEPS if now - start < MOST_SECONDS and seconds[0] < 1 else 1 :]
        enough = len(timed) >= LEAST_STEPS and sum(timed) >= LEAST_SECONDS
        if enough or len(timed) == MOST_STEPS or now - start > MOST_SECONDS:
            return statistics.median(timed or seconds), losses


def status_mb(field: str) -> float:
    """A memory figure of this process (VmRSS, VmHWM) in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def our_omp_reconstruction(x: Tensor, atoms: Tensor, k: int) -> Tensor:
    """x rebuilt from our orthogonal matching pursuit over given atoms (M, D), no bias."""
    from models.omp import OMP

    model = OMP(OMP.Config(n_latents=len(atoms), k=k), x.shape[1])
    model.dictionary.copy_(atoms)
    return model.decode(model.encode(x))


def overcomplete_omp_reconstruction(x: Tensor, atoms: Tensor, k: int) -> Tensor:
    """x rebuilt from overcomplete's, over the same atoms."""
    from overcomplete.sae import OMPSAE

    sae = OMPSAE(x.shape[1], len(atoms), k=k)
    sae.dictionary._weights.copy_(atoms)
    return sae(x)[2]


RECONSTRUCTIONS: dict[tuple[str, str], Callable[[Tensor, Tensor, int], Tensor]] = {
    ("OMP", "ours"): our_omp_reconstruction,
    ("OMP", "overcomplete"): overcomplete_omp_reconstruction,
}
"""For the steps whose codes are compared, too."""


def fvu(step: str, implementation: str, x: Tensor, m: int, k: int) -> float:
    """Fraction of variance unexplained by the codes of x on a dictionary of m other training images."""
    atoms = F.normalize(inputs(len(x) + m)[len(x) :], dim=1)
    with torch.no_grad():
        error = x - RECONSTRUCTIONS[step, implementation](x, atoms, k)
    return float(error.square().sum() / (x - x.mean(0)).square().sum())


def main() -> None:
    """Measure what the command line names."""
    step, implementation, *sizes = sys.argv[1:]
    n, m, k = map(int, sizes)
    build = BUILDERS[step, implementation]
    inputs(1)
    build(torch.rand(128, D), 32, min(k, 4))()  # imports everything
    gc.collect()
    before = status_mb("VmRSS")
    torch.manual_seed(0)
    x = inputs(VAE_ROWS if step == "VAE epoch" else n)
    run = build(x, m, k)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM starts again
    seconds, losses = time_steps(run)
    result = {
        "ms": 1000 * seconds,
        "mb": status_mb("VmHWM") - before,
        "losses": [losses[0], losses[-1]],
        "threads": torch.get_num_threads(),
    }
    if (step, implementation) in RECONSTRUCTIONS:
        result["fvu"] = fvu(step, implementation, x, m, k)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
