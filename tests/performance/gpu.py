"""Training steps on one GPU: `make benchmark-gpu`, a few minutes; GPU.md has its results.

Prints the step of each model at its native size, eager and replayed as a CUDA graph, and at the sizes of SAE research,
beside a peer library where it is installed (tests/performance/peers.txt); with TF32 for the matrix products of all, and
without. ms: of a step among others in a row, as in training, by CUDA events, median of five rows; MB: peak memory of
the steps, less that before.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import Tensor

import models
from bench.execute.stepping import WARM_STEPS, Stepper
from bench.plugins.loading import load_model_class
from bench.plugins.registry import MODEL_REGISTRY
from models.capabilities import Fittable
from models.parts import kernels
from tests.performance.steps import BUILDERS, Builder

BLOCKS, STEPS, BLOCK_MS = 5, 20, 200
"""Blocks of steps that are timed, the most steps of a block, and the milliseconds that a block takes if it can."""
LARGE = [(4096, 768, 16384, 32), (8192, 768, 49152, 64)]
"""N, D, M, k."""
AT_LARGE = (
    "topk", "batchtopk", "jumprelu", "topk-l1", "topk-hoyer", "matryoshka", "relu", "gated", "hierarchical-topk",
    "abstopk", "vsae", "mp", "omp",
)  # fmt: skip
PEERS = ("eai-sparsify", "sae-lens", "dictionary-learning", "overcomplete")


def low_rank(n: int, d: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 64, generator=generator).relu() @ torch.randn(64, d, generator=generator)
    return (x - x.amin()).div_(x.amax() - x.amin()).cuda()


def measure(step: Callable[[], object], warm: int = WARM_STEPS + 2) -> tuple[float, float]:
    """Median ms of a step, of several blocks of steps in a row as in training, and peak MB above what there was."""
    before = torch.cuda.memory_allocated()
    for _ in range(warm):
        step()
    torch.cuda.reset_peak_memory_stats()
    n_steps = max(1, min(STEPS, int(BLOCK_MS / _milliseconds(step, 1))))
    times = [_milliseconds(step, n_steps) for _ in range(BLOCKS)]
    return statistics.median(times), (torch.cuda.max_memory_allocated() - before) / 2**20


def _milliseconds(step: Callable[[], object], n_steps: int) -> float:
    """Of one of n steps in a row."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    for _ in range(n_steps):
        step()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / n_steps


def ours(name: str, x: Tensor, captured: bool, **settings: int) -> tuple[float, float]:
    """One of this project's models, as the training loop steps it."""
    cls = load_model_class(MODEL_REGISTRY.find(name))
    fields = cls.Config.model_fields
    settings = {key: value for key, value in settings.items() if key in fields}
    config = cls.Config(**settings)
    n = getattr(config, "batch_size", len(x))
    batch, labels = x[:n], torch.arange(n, device="cuda") % 10
    model = cls(config, x.shape[1]).cuda().train()
    model.prepare(x, torch.arange(len(x), device="cuda") % 10)
    stepper = Stepper(model)
    stepper.captures &= captured
    try:
        return measure(lambda: stepper(batch, labels, 0.5))
    finally:
        if stepper.note:
            print(f"  {name}: {stepper.note}")


def peers(build: Builder, x: Tensor, m: int, k: int) -> tuple[float, float]:
    """A peer's step; what it makes without a device is made on the GPU."""
    with torch.device("cuda"):
        return measure(build(x, m, k), warm=3)


def line(*cells: object) -> None:
    """A row of a Markdown table."""
    words = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells)
    print("| " + " | ".join(words) + " |", flush=True)


def native() -> None:
    """Each trained model at its own size, on 784 features."""
    print("\n| native step | batch | eager ms | replayed ms |\n|---|--:|--:|--:|")
    x = low_rank(2048, 784)
    for name in models.MODELS:
        cls = load_model_class(MODEL_REGISTRY.find(name))
        if not issubclass(cls, Fittable):
            batch = getattr(cls.Config(), "batch_size", 0)
            line(name, batch, ours(name, x, False)[0], ours(name, x, True)[0])


def large(tf32: bool) -> None:
    """The sizes of SAE research, beside peers."""
    torch.backends.cuda.matmul.allow_tf32 = tf32
    print(f"\n| step, TF32 {'on' if tf32 else 'off'} | N | D | M | k | ms | MB |\n|---|--:|--:|--:|--:|--:|--:|")
    for n, d, m, k in LARGE:
        x = low_rank(n, d)
        for name in AT_LARGE if (n, d, m, k) == LARGE[0] else ("topk",):
            report(f"ours {name}", (n, d, m, k), partial(ours, name, x, True, n_latents=m, k=k, batch_size=n))
        for (step, peer), build in BUILDERS.items():
            if peer in PEERS and (step == "TopK" or (step == "MP" and (n, d, m, k) == LARGE[0])):
                report(f"{peer} {step}", (n, d, m, k), partial(peers, build, x, m, k))


def report(name: str, size: tuple[int, ...], run: Callable[[], tuple[float, float]]) -> None:
    """A row, or why there is none."""
    try:
        line(name, *size, *run())
    except ImportError as error:
        print(f"  {name}: not installed ({error.name})")
    except Exception as error:
        print(f"  {name}: {type(error).__name__}: {str(error).splitlines()[0][:100]}")
    torch.cuda.empty_cache()


def main() -> int:
    """Measure and print; exit status 0 where there is no GPU."""
    if not torch.cuda.is_available():
        print("not run: this machine has no GPU that torch can use")
        return 0
    installed = []
    for package in ("triton", "eai-sparsify", "sae-lens", "dictionary-learning", "overcomplete"):
        try:
            installed.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            installed.append(f"{package} absent")
    print(f"{torch.cuda.get_device_name()}; torch {torch.__version__}; {', '.join(installed)}")
    native()
    for tf32 in (False, True):
        large(tf32)
    for kernel, problem in kernels.problems.items():
        print(f"kernel {kernel} was not used: {problem}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
