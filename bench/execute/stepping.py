"""One optimiser step after the other; on a GPU captured once, as a CUDA graph, and replayed.

At the papers' sizes a step is 30 to 300 kernels of a few microseconds each, and the host takes longer to launch them
than the GPU to carry them out. A graph launches them at once. Batches of another size, as the last of an epoch may be,
and models that do not say that they are `capturable` are stepped one kernel at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from bench.errors import first_line
from models.base import Model

WARM_STEPS = 10
"""Steps that the time per step leaves out: they allocate memory, load kernels and make the optimiser's state.

One of the last two is captured: of any two batches in a row, one at least is whole.
"""

NOT_REPLAYED = "steps are not replayed as a CUDA graph"
"""How a note begins that says why."""


class Stepper:
    """Steps of one model and its Adam optimiser.

    Parameters
    ----------
    model : Model
        On its device, prepared.
    """

    names: list[str]
    """Names of the losses that a step returns: the total and each term."""
    note: str | None
    """Why the steps of a capturable model were not captured."""

    def __init__(self, model: Model) -> None:
        device = next(model.parameters()).device
        self.model = model
        # A subclass may do what its base class does not: each class says for itself.
        self.captures = device.type == "cuda" and bool(vars(type(model)).get("capturable", False))
        self.optimiser = torch.optim.Adam(model.parameters(), lr=model.config.learning_rate, fused=True)
        self.names, self.note = [], None
        self._eager_steps = 0
        self._held: dict[str, Any] = {}
        self._captured: _Captured | None = None

    def __call__(self, x: Tensor, labels: Tensor, progress: float) -> Tensor:
        """One step on a batch: the losses before it, in the order of `names`."""
        if self.captures and len(x) == self.model.config.batch_size and self._eager_steps >= WARM_STEPS - 2:
            if self._captured is None:
                self._capture(x, labels)
            if self._captured is not None:
                return self._captured.replay(x, labels, progress)
        if self.captures and self._eager_steps == 1:  # what the first step has made may stay
            self._held = _held(self.model)
        self._eager_steps += 1
        return self.eager(x, labels, progress)

    def eager(self, x: Tensor, labels: Tensor, progress: Any) -> Tensor:
        """One step, a kernel after the other."""
        self.optimiser.zero_grad(set_to_none=True)
        losses = self.model.loss(x, labels, progress)
        losses.total.backward()
        self.model.after_backward()
        self.optimiser.step()
        self.model.after_step()
        self.names = ["total", *losses.terms]
        return torch.stack([losses.total.detach(), *(term.detach() for term in losses.terms.values())])

    def _capture(self, x: Tensor, labels: Tensor) -> None:
        if changed := _changed(self._held, _held(self.model)):
            self.captures = False
            self.note = f"{NOT_REPLAYED}: steps replace {', '.join(changed)}; change tensors in place, as copy_ does"
            return
        try:
            self._captured = _Captured(self, x, labels)
        except Exception as error:  # a plug-in may say that it can be captured, and do anything
            torch.cuda.synchronize(x.device)
            self.captures = False
            cause = str(error.__context__ or error)  # that a capture failed says less than what failed in it
            self.note = f"{NOT_REPLAYED}: {first_line(cause)}"
            # Up to torch 2.11 the generator believes that it is captured still, and refuses to draw.
            generator = torch.cuda.default_generators[x.device.index]
            generator.graphsafe_set_state(generator.clone_state())


def _held(model: Model) -> dict[str, Any]:
    """By name, the numbers that its modules hold, and the tensors, with their memory: kept, it is not used again."""
    held: dict[str, Any] = {}
    for prefix, module in model.named_modules():
        tensors = *module.named_parameters(recurse=False), *module.named_buffers(recurse=False)
        for name, value in (*vars(module).items(), *tensors):
            if isinstance(value, Tensor):
                held[f"{prefix}.{name}".lstrip(".")] = value, value.detach()
            elif isinstance(value, int | float):
                held[f"{prefix}.{name}".lstrip(".")] = value
    return held


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Names of what is another number, tensor or memory than before: a graph would go on with the old one."""

    def same(old: Any, new: Any) -> bool:
        if isinstance(old, tuple) and isinstance(new, tuple):
            return old[0] is new[0] and old[1].data_ptr() == new[1].data_ptr()
        return type(old) is type(new) and bool(old == new)

    return [name for name, value in now.items() if not same(before.get(name), value)]


@contextmanager
def _capturable(optimiser: torch.optim.Optimizer) -> Iterator[None]:
    """Within it, torch lets Adam be captured; it computes the same.

    For good, torch would warn of each step that is not, and a checkpoint would tell another device how to step.
    """
    for group in optimiser.param_groups:
        group["capturable"] = True
    try:
        yield
    finally:
        for group in optimiser.param_groups:
            group["capturable"] = False


class _Captured:
    """A step as a graph that reads the batch and the progress from tensors of its own."""

    def __init__(self, stepper: Stepper, x: Tensor, labels: Tensor) -> None:
        self.x, self.labels, self.progress = x.clone(), labels.clone(), x.new_zeros(())
        self.graph = torch.cuda.CUDAGraph()
        stepper.optimiser.zero_grad(set_to_none=True)  # gradients are made anew in the graph's memory
        # On the device of the batch, which need not be the current one: a graph of that would be empty. Other threads
        # go on meanwhile: those that read batches pin memory, which "global" forbids.
        side, before = torch.cuda.Stream(x.device), torch.cuda.current_stream(x.device)
        capture = torch.cuda.graph(self.graph, stream=side, capture_error_mode="thread_local")
        with _capturable(stepper.optimiser), torch.cuda.stream(before), capture:  # a failure leads back to `before`
            self.losses = stepper.eager(self.x, self.labels, self.progress)

    def replay(self, x: Tensor, labels: Tensor, progress: float) -> Tensor:
        self.x.copy_(x)
        self.labels.copy_(labels)
        self.progress.fill_(progress)
        self.graph.replay()
        return self.losses.clone()
