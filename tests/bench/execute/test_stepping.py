"""Steps: which of them is captured. What a graph computes is tested where there is a GPU."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.execute import stepping
from bench.execute.stepping import WARM_STEPS, Stepper
from models.topk import TopK


@pytest.mark.parametrize("whole", [0, 1])
def test_a_step_is_captured_before_steps_are_timed(whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    captured, step = [], 0

    class Eager:
        """In place of a graph, which needs a GPU."""

        def __init__(self, stepper: Stepper, x: Tensor, labels: Tensor) -> None:
            self.stepper = stepper
            captured.append(step)

        def replay(self, x: Tensor, labels: Tensor, progress: float) -> Tensor:
            return self.stepper.eager(x, labels, progress)

    monkeypatch.setattr(stepping, "_Captured", Eager)
    stepper = Stepper(TopK(TopK.Config(n_latents=8, k=2, batch_size=4), 3))
    stepper.captures = True
    for step in range(2 * WARM_STEPS):
        x = torch.rand(4 if step % 2 == whole else 3, 3)  # the last batch of every epoch is smaller
        stepper(x, torch.zeros(len(x)).long(), 0.0)
    assert len(captured) == 1
    assert 0 < captured[0] < WARM_STEPS


def test_a_step_is_captured_on_the_device_of_its_batch_and_leaves_other_threads_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What torch is asked for; that a graph of the second GPU is not empty is tested where there are two."""
    devices, options, may_be_captured = [], {}, []

    def graph(graph: object, **given: Any) -> nullcontext[None]:
        options.update(given)
        return nullcontext()

    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "current_stream", devices.append)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: devices.append(device) or "side")
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    stepper = Stepper(TopK(TopK.Config(n_latents=8, k=2, batch_size=4), 3))
    (adam,) = stepper.optimiser.param_groups
    stepper.optimiser.register_step_pre_hook(lambda *_: may_be_captured.append(adam["capturable"]))
    x = torch.rand(4, 3)
    stepping._Captured(stepper, x, torch.zeros(4).long())
    stepper(x, torch.zeros(4).long(), 0.0)
    assert may_be_captured == [True, False]
    assert devices == [x.device, x.device]
    assert options == {"stream": "side", "capture_error_mode": "thread_local"}
