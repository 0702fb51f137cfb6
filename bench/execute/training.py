"""Training: Adam over seeded mini-batches, in optimiser steps from start to end."""

from __future__ import annotations

import math
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.datasets.base import Split
from bench.datasets.stream import Stream
from bench.errors import BenchError
from bench.execute.batches import batches
from bench.execute.checkpoint import MIN_SECONDS, Checkpoints, StopRequestedError, TrainingState
from bench.execute.stepping import WARM_STEPS, Stepper
from models.base import Model
from models.capabilities import Fittable
from models.parts import kernels

FLUSH_EVERY = 50
"""Steps between reads of the losses from the device: a NaN is noticed this late, and reported at its exact step."""


class DivergedError(Exception):
    """The loss became NaN or infinite."""


@dataclass(frozen=True)
class Training:
    """What training cost and how it went."""

    steps: int
    """Optimiser steps; 0 for a fitted model."""
    seconds: float
    """Wall clock, device synchronised: data-dependent initialisation is included, and no checkpoint."""
    step_seconds: float
    """Mean of a step, the first few left out; 0 for a fitted model."""
    step_flops: int
    """Dense matrix-product FLOPs of one step."""
    peak_memory_mb: float
    """Of the GPU's tensors, or on CPU of the process so far."""
    history: pd.DataFrame
    """One row per `FLUSH_EVERY` steps: step, epoch, and the mean of the total and of each named term."""
    resumed: int = 0
    """How many times it was taken up again from a checkpoint."""
    note: str | None = None
    """What about it a reader should know."""


def train(
    model: Model,
    data: Split,
    batches_seed: int,
    min_steps: int | None = None,
    max_steps: int | None = None,
    report: Callable[[float], None] = lambda _: None,
    checkpoints: Checkpoints | None = None,
    batched: Split | Stream | None = None,
) -> Training:
    """Fit or train a model in place; from its checkpoint, where there is one.

    Parameters
    ----------
    model : Model
        On the device of `data`.
    data : Split
        What it is initialised or fitted on: the training split, or a sample of it.
    batches_seed : int
        Seed of the order of the batches: the same for every model of a run's seed, so that differences are paired.
    min_steps, max_steps : int, optional
        Bounds on optimiser steps.
    report : callable
        Told the progress in [0, 1] now and then.
    checkpoints : Checkpoints, optional
        Where to keep them, and when to stop.
    batched : Split or Stream, optional
        What batches are made of, if not of `data`.

    Raises
    ------
    StopRequestedError
        At a step before which `checkpoints.stop()` was true; a checkpoint is left where one can be written.
    DivergedError
        At the first step whose loss is not finite.
    ValueError
        For inputs with NaN or infinities, or labels that the model cannot be trained on.
    """
    batched = batched or data
    model.require_inputs(data.x)
    model.n_train = len(batched)
    device = data.x.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    if isinstance(model, Fittable):
        return _fit(model, data.x)
    # Made before the clock starts: the first optimiser of a process imports torch's compiler, for seconds.
    stepper = Stepper(model)
    total_steps = n_steps(len(batched), model.config.batch_size, model.config.epochs, min_steps, max_steps)
    clock = _Clock(device)
    model.prepare(data.x, data.labels)
    checkpoints = checkpoints or Checkpoints()
    with clock.paused():
        state = checkpoints.restore(model, stepper.optimiser)
    if state.resumed:
        clock = _Clock(device, state.seconds)
    step_seconds = _descend(stepper, batched, batches_seed, total_steps, state, clock, report, checkpoints)
    history, memory = pd.DataFrame(state.rows), _peak_memory_mb(device)
    return Training(state.step, clock.read(), step_seconds, state.flops, memory, history, state.resumed, _note(stepper))


def _note(stepper: Stepper) -> str | None:
    """What of a GPU's means was not used, and why."""
    given_up = (f"the kernel {name} was not used: {reason}" for name, reason in kernels.problems.items())
    return "; ".join(filter(None, (stepper.note, *given_up))) or None


def _fit(model: Fittable, x: Tensor) -> Training:
    start = _now(x.device)
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        model.fit(x)
    seconds, memory = _now(x.device) - start, _peak_memory_mb(x.device)
    note = "; ".join(dict.fromkeys(str(warning.message) for warning in raised)) or None
    return Training(0, seconds, 0.0, 0, memory, pd.DataFrame(columns=["step", "epoch", "total"]), note=note)


def require_batch_fits(model_name: str, batch_size: int, n_train: int) -> None:
    """BenchError where a batch is larger than the training split."""
    if batch_size > n_train:
        raise BenchError(
            f"{model_name}.batch_size = {batch_size} is more than the {n_train} training samples; "
            f"choose 1 to {n_train} with --set {model_name}.batch_size=VALUE."
        )


def n_steps(n_samples: int, batch_size: int, epochs: int, min_steps: int | None, max_steps: int | None) -> int:
    """Optimiser steps of a run: its epochs, the last batch of each may be smaller, or the bound that they miss."""
    steps = max(math.ceil(n_samples / batch_size) * epochs, min_steps or 0)
    return steps if max_steps is None else min(steps, max_steps)


def _descend(
    stepper: Stepper,
    data: Split | Stream,
    seed: int,
    total_steps: int,
    state: TrainingState,
    clock: _Clock,
    report: Callable[[float], None],
    checkpoints: Checkpoints,
) -> float:
    """The training loop, from a state to its end: seconds per step after the first, slow ones."""
    model = stepper.model
    batch_size = model.config.batch_size
    steps_per_epoch = math.ceil(len(data) / batch_size)
    stream = batches(data, batch_size, seed, state.step, clock.device)
    counter = FlopCounterMode(display=False)
    model.train()
    warm = min(WARM_STEPS, total_steps // 2)

    def save() -> None:
        state.seconds = clock.read()
        with clock.paused():
            checkpoints.save(state, model, stepper.optimiser, total_steps)

    report(state.step / total_steps)
    while state.step < total_steps:
        if checkpoints.stop() or checkpoints.due():
            save()
            if checkpoints.stop():
                raise StopRequestedError(f"stopped at step {state.step} of {total_steps}")
        if state.step == warm:
            state.warm_from = clock.read()
        with counter if state.step == 0 else nullcontext():
            losses = stepper(*next(stream), state.step / max(1, total_steps - 1))
        state.step += 1
        state.flops = state.flops or counter.get_total_flops()
        state.pending.append(losses)
        if len(state.pending) == FLUSH_EVERY or state.step == total_steps:
            means = _flush(state.pending, state.step, stepper.names)
            state.rows.append({"step": state.step, "epoch": state.step / steps_per_epoch})
            state.rows[-1].update(zip(stepper.names, means, strict=True))
            state.pending.clear()
            report(state.step / total_steps)
    model.eval()
    if clock.read() > MIN_SECONDS:  # evaluation may be interrupted as well
        save()
    return (clock.read() - state.warm_from) / (total_steps - warm)


class _Clock:
    """Seconds of training on a device, with those before it was interrupted."""

    def __init__(self, device: torch.device, before: float = 0.0) -> None:
        self.device, self.start = device, _now(device) - before

    def read(self) -> float:
        return _now(self.device) - self.start

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What takes time within does not count."""
        before = self.read()
        yield
        self.start = _now(self.device) - before


def _now(device: torch.device) -> float:
    """Seconds on the clock when the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _flush(pending: list[Tensor], last_step: int, names: list[str]) -> list[float]:
    """Mean of the pending losses, of these names; DivergedError where a total is not finite."""
    values = torch.stack(pending).double().cpu()
    bad = (~values[:, 0].isfinite()).nonzero()
    if len(bad):
        first: list[float] = values[int(bad[0])].tolist()
        step = last_step - len(pending) + int(bad[0]) + 1
        terms = zip(names[1:], first[1:], strict=True)
        which = ", ".join(f"its term {name} is {value}" for name, value in terms if not math.isfinite(value))
        raise DivergedError(
            f"The loss became {first[0]} at step {step} ({which or 'its named terms are finite'}). "
            "Lower learning_rate, or look at the terms in the model's loss."
        )
    means: list[float] = values.mean(0).tolist()
    return means


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
