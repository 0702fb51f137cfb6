"""Checkpoints: all that training needs to go on as if it had never stopped, bit for bit on CPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.execute.environment import code_checksum
from bench.store.files import write_atomically
from bench.store.progress import note_progress
from models.base import Model

MIN_SECONDS = 10.0
"""Least time between two checkpoints: a run that takes less has none."""
MAX_SHARE = 0.02
"""Of the time of training, what checkpoints may cost."""


class StopRequestedError(Exception):
    """Training stopped between two steps, as it was asked to, and left a checkpoint where it could."""


@dataclass
class TrainingState:
    """How far training is, beside the model, its optimiser and the random numbers."""

    step: int = 0
    """Optimiser steps done."""
    pending: list[Tensor] = field(default_factory=list)
    """Losses of the steps since the last row of the history."""
    rows: list[dict[str, float]] = field(default_factory=list)
    """The history."""
    flops: int = 0
    """Of the first step."""
    seconds: float = 0.0
    """Time of training up to here."""
    warm_from: float = 0.0
    """Time of training up to the step from which on steps are timed."""
    resumed: int = 0
    """How many times training was taken up again."""


class Checkpoints:
    """Where a run keeps its checkpoint, and when it writes one.

    Parameters
    ----------
    path : Path, optional
        The file; None keeps none.
    made_by : str
        One that another made is not taken up.
    write : callable
        Writes the file; raises LockLostError where the run is another process's by now.
    stop : callable
        Whether training has been asked to stop.
    saved : callable
        Told the progress in [0, 1] of each that goes beyond the one that training began with.
    """

    def __init__(
        self,
        path: Path | None = None,
        made_by: str = "",
        write: Callable[[Path, Callable[[Path], object]], None] = write_atomically,
        stop: Callable[[], bool] = lambda: False,
        saved: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.path, self.stop = path, stop
        self._identity = {"code": code_checksum(), "torch": torch.__version__.partition("+")[0], "made_by": made_by}
        self._write, self._saved = write, saved
        self._last, self._cost, self._first = time.monotonic(), 0.0, 0

    def due(self) -> bool:
        """Whether it is time for one."""
        return time.monotonic() - self._last > max(MIN_SECONDS, self._cost / MAX_SHARE)

    def save(self, state: TrainingState, model: Model, optimiser: torch.optim.Optimizer, total_steps: int) -> None:
        """Write one in place of the last. Where that fails (a full disk), the last one stays."""
        if self.path is None:
            return
        start = time.monotonic()
        content = {
            "identity": self._identity,
            "state": vars(state),
            "model": _tensors(model),
            "optimiser": optimiser.state_dict(),
            "random": _random_state(_device(model)),
        }
        with suppress(OSError, RuntimeError):  # torch reports a full disk as the latter
            progress = state.step / total_steps
            self._write(self.path, lambda path: _save(content, path, progress))
            if state.step > self._first:
                self._saved(progress)
        self._last = time.monotonic()
        self._cost = self._last - start

    def restore(self, model: Model, optimiser: torch.optim.Optimizer) -> TrainingState:
        """Bring model, optimiser and random numbers to where the checkpoint left them; a new state where there is none.

        One that other code wrote, or that cannot be read, is of no use: its numbers could not be had again.
        """
        if self.path is None or not self.path.exists():
            return TrainingState()
        try:
            content: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            usable = content["identity"] == self._identity
        except Exception:  # a damaged file raises almost anything, and costs only time
            usable = False
        if not usable:
            return TrainingState()
        with torch.no_grad():
            for name, tensor in _tensors(model).items():
                tensor.copy_(content["model"][name])
        optimiser.load_state_dict(content["optimiser"])
        _set_random_state(content["random"], _device(model))
        state = TrainingState(**content["state"])
        state.pending = [losses.to(_device(model)) for losses in state.pending]
        state.resumed += 1
        self._first = state.step
        return state


def _device(model: Model) -> torch.device:
    return next(model.parameters()).device


def _tensors(model: Model) -> dict[str, Tensor]:
    """Parameters and buffers, those that are no part of the trained model included."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _save(content: dict[str, Any], path: Path, progress: float) -> None:
    with path.open("wb") as file:
        torch.save(content, file)
    note_progress(path, progress)


def _random_state(device: torch.device) -> dict[str, Tensor]:
    """Of the generators that a run draws from: the CPU's, and that of its GPU."""
    cuda = {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}
    return {"cpu": torch.get_rng_state(), **cuda}


def _set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
