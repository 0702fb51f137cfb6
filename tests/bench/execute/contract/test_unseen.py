"""What torch does not see of a model, and what of it is no fault."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from bench.execute.contract.unseen import flaw_of_layers

MODULES = "{} holds modules that torch does not see, so that they are never trained: use nn.Module{}."
TENSORS = (
    "{} holds tensors that torch does not see, so that they are never trained: use nn.Parameter, of several in {}."
)


class Holder(nn.Module):
    """A module with a layer, and something else."""

    def __init__(self, more: Callable[[nn.Module], object]) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.more = more(self.layer)


def endless(_: nn.Module) -> list[object]:
    """A list that holds itself."""
    found: list[object] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (lambda layer: [nn.Linear(2, 2)], MODULES.format("more", "List")),
        (lambda layer: (layer, [nn.Linear(2, 2)]), MODULES.format("more", "List")),
        (lambda layer: {"a": [nn.Linear(2, 2)]}, MODULES.format("more", "Dict")),
        (lambda layer: torch.ones(2, requires_grad=True), TENSORS.format("more", "nn.ParameterList")),
        (lambda layer: {"a": torch.ones(2, requires_grad=True)}, TENSORS.format("more", "nn.ParameterDict")),
        (lambda layer: nn.Sequential(Holder(lambda _: [nn.Linear(2, 2)])), MODULES.format("more.0.more", "List")),
        (lambda layer: [layer, layer.weight, {"bias": layer.bias}], ""),
        (lambda layer: layer.weight.T, ""),
        (lambda layer: [nn.ReLU(), nn.Linear(2, 2).requires_grad_(False), torch.ones(2)], ""),
        (lambda layer: nn.ModuleList([nn.Linear(2, 2)]), ""),
        (endless, ""),
    ],
)
def test_what_is_to_be_trained_and_not_seen_is_named(more: Callable[[nn.Module], object], said: str) -> None:
    assert flaw_of_layers(Holder(more)) == said
