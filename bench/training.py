"""Training: Adam over seeded mini-batches, in optimiser steps from start to end."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.datasets.base import Split
from bench.errors import BenchError
from bench.seeding import derive_seed
from models.base import Fittable, Model

FLUSH_EVERY = 50
"""Steps between reads of the losses from the device: a NaN is noticed this late, and reported at its exact step."""

WARM_STEPS = 10
"""Steps that the time per step leaves out: the first allocate memory and load kernels."""


class DivergedError(Exception):
    """The loss became NaN or infinite."""


@dataclass(frozen=True)
class Training:
    """What training cost and how it went.

    Attributes
    ----------
    steps : int
        Optimiser steps; 0 for a fitted model.
    seconds : float
        Wall clock, device synchronised, data-dependent initialisation included.
    step_seconds : float
        Mean of a step, the first few left out; 0 for a fitted model.
    step_flops : int
        Dense matrix-product FLOPs of one step.
    peak_memory_mb : float
        Of the GPU's tensors, or on CPU of the process so far.
    history : DataFrame
        One row per `FLUSH_EVERY` steps: step, epoch, and the mean of the total and of each named term.
    """

    steps: int
    seconds: float
    step_seconds: float
    step_flops: int
    peak_memory_mb: float
    history: pd.DataFrame


def train(
    model: Model,
    data: Split,
    batches_seed: int,
    max_steps: int | None = None,
    report: Callable[[float], None] = lambda _: None,
) -> Training:
    """Fit or train a model in place.

    Parameters
    ----------
    model : Model
        On the device of `data`.
    data : Split
        Training split.
    batches_seed : int
        Seed of the order of the batches: the same for every model of a run's seed, so that differences are paired.
    max_steps : int, optional
        Bound on optimiser steps.
    report : callable
        Told the progress in [0, 1] now and then.

    Raises
    ------
    DivergedError
        At the first step whose loss is not finite.
    ValueError
        For inputs with NaN or infinities, or labels that the model cannot be trained on.
    """
    model.require_inputs(data.x)
    device = data.x.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    if isinstance(model, Fittable):
        start = _now(device)
        model.fit(data.x)
        seconds, memory = _now(device) - start, _peak_memory_mb(device)
        return Training(0, seconds, 0.0, 0, memory, pd.DataFrame(columns=["step", "epoch", "total"]))
    # Made before the clock starts: the first optimiser of a process imports torch's compiler, for seconds.
    optimiser = torch.optim.Adam(model.parameters(), lr=model.config.learning_rate, fused=True)
    start = _now(device)
    model.prepare(data.x, data.labels)
    steps, step_seconds, flops, history = _descend(model, optimiser, data, batches_seed, max_steps, report)
    return Training(steps, _now(device) - start, step_seconds, flops, _peak_memory_mb(device), history)


def require_batch_fits(model_name: str, batch_size: int, n_train: int) -> None:
    """BenchError where a batch is larger than the training split."""
    if batch_size > n_train:
        raise BenchError(
            f"{model_name}.batch_size = {batch_size} is more than the {n_train} training samples; "
            f"choose 1 to {n_train} with --set {model_name}.batch_size=VALUE."
        )


def n_steps(n_samples: int, batch_size: int, epochs: int, max_steps: int | None) -> int:
    """Optimiser steps of a run; the last batch of an epoch may be smaller."""
    steps = math.ceil(n_samples / batch_size) * epochs
    return steps if max_steps is None else min(steps, max_steps)


def batches(data: Split, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless shuffled batches (x, labels): epoch e's permutation depends on the seed and e alone."""
    epoch = 0
    while True:
        generator = torch.Generator().manual_seed(derive_seed(seed, "epoch", str(epoch)))
        for rows in torch.randperm(len(data), generator=generator).to(data.x.device).split(batch_size):
            yield data.x[rows], data.labels[rows]
        epoch += 1


def _descend(
    model: Model,
    optimiser: torch.optim.Optimizer,
    data: Split,
    seed: int,
    max_steps: int | None,
    report: Callable[[float], None],
) -> tuple[int, float, int, pd.DataFrame]:
    """The training loop: steps, seconds per step after the first, slow ones, FLOPs of the first, and history."""
    config = model.config
    total_steps = n_steps(len(data), config.batch_size, config.epochs, max_steps)
    steps_per_epoch = math.ceil(len(data) / config.batch_size)
    stream = batches(data, config.batch_size, seed)
    rows: list[dict[str, float]] = []
    pending: list[Tensor] = []
    counter = FlopCounterMode(display=False)
    model.train()
    warm = min(WARM_STEPS, total_steps // 2)
    for step in range(total_steps):
        if step == warm:
            warm_since = _now(data.x.device)
        x, labels = next(stream)
        optimiser.zero_grad(set_to_none=True)
        with counter if step == 0 else nullcontext():
            losses = model.loss(x, labels, step / max(1, total_steps - 1))
            losses.total.backward()
        model.after_backward()
        optimiser.step()
        model.after_step()
        pending.append(torch.stack([losses.total.detach(), *(term.detach() for term in losses.terms.values())]))
        if len(pending) == FLUSH_EVERY or step == total_steps - 1:
            means = _flush(pending, step + 1)
            rows.append({"step": step + 1, "epoch": (step + 1) / steps_per_epoch})
            rows[-1].update(zip(["total", *losses.terms], means, strict=True))
            pending.clear()
            report((step + 1) / total_steps)
    model.eval()
    step_seconds = (_now(data.x.device) - warm_since) / (total_steps - warm)
    return total_steps, step_seconds, counter.get_total_flops(), pd.DataFrame(rows)


def _now(device: torch.device) -> float:
    """Seconds on the clock when the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _flush(pending: list[Tensor], last_step: int) -> list[float]:
    """Mean of the pending losses; DivergedError where one is not finite."""
    values = torch.stack(pending).double().cpu()
    bad = (~values[:, 0].isfinite()).nonzero()
    if len(bad):
        step = last_step - len(pending) + int(bad[0]) + 1
        raise DivergedError(
            f"The loss became {values[int(bad[0]), 0].item()} at step {step}. "
            "Lower learning_rate, or look at the terms in the model's loss."
        )
    means: list[float] = values.mean(0).tolist()
    return means


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
