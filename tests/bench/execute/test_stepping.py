"""Steps: which of them is captured. What a graph computes is tested where there is a GPU."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.execute import stepping
from bench.execute.stepping import NOT_REPLAYED, WARM_STEPS, Stepper
from models.base import GradientConfig, Losses, Model
from models.topk import TopK
from tests.models.test_waiting import build, trained


class Eager:
    """In place of a graph, which needs a GPU."""

    def __init__(self, stepper: Stepper, x: Tensor, labels: Tensor) -> None:
        self.stepper = stepper

    def replay(self, x: Tensor, labels: Tensor, progress: float) -> Tensor:
        return self.stepper.eager(x, labels, progress)


def stepped(model: Model) -> Stepper:
    """A model's stepper after steps of which the last would be replayed."""
    stepper = Stepper(model)
    stepper.captures = True
    n = model.config.batch_size
    x, labels = torch.rand(n, model.n_features), torch.arange(n) % 5 - 1
    model.train().prepare(x, labels)
    for i in range(WARM_STEPS):
        stepper(x, labels, i / WARM_STEPS)
    return stepper


@pytest.mark.parametrize("whole", [0, 1])
def test_a_step_is_captured_before_steps_are_timed(whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    captured, step = [], 0

    def capture(*given: Any) -> Eager:
        captured.append(step)
        return Eager(*given)

    monkeypatch.setattr(stepping, "_Captured", capture)
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


class Small(Model):
    """A plug-in that says that it can be captured."""

    Config = GradientConfig
    capturable = True
    mean: Tensor

    def __init__(self, config: GradientConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.bias = nn.Parameter(torch.ones(n_features))
        self.register_buffer("mean", torch.zeros(()))
        self.n_steps = 0

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        return Losses((x - self.bias).square().sum(), {})


def in_place(model: Small) -> None:
    model.mean.lerp_(model.bias.detach().mean(), 0.1)
    model.bias.data.clamp_(min=0)
    model.first = getattr(model, "first", model.bias.detach())


def another_buffer(model: Small) -> None:
    model.mean = 0.9 * model.mean


def other_memory(model: Small) -> None:
    model.bias.data = model.bias.data.clamp(min=0)


def another_number(model: Small) -> None:
    model.n_steps += 1


@pytest.mark.parametrize(
    ("after_step", "named"),
    [(in_place, ""), (another_buffer, "mean"), (other_memory, "bias"), (another_number, "n_steps")],
)
def test_a_step_that_replaces_what_a_graph_would_go_on_with_is_not_captured(
    after_step: Callable[[Small], None], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "_Captured", Eager)
    monkeypatch.setattr(Small, "after_step", after_step)
    stepper = stepped(Small(GradientConfig(batch_size=4), 3))
    assert stepper.captures == (not named)
    assert (stepper.note or "").partition(";")[0] == (f"{NOT_REPLAYED}: steps replace {named}" if named else "")


@pytest.mark.parametrize(("cls", "variant"), list(trained()))
def test_no_model_replaces_what_a_graph_would_go_on_with(
    cls: type[Model], variant: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "_Captured", Eager)
    assert stepped(build(cls, variant)).note is None
