"""Metrics whose inputs lie on a GPU, which is not there: the same numbers, and no tensor left on the CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.gpu.pretended import NO_GRADIENT, pretended_gpu, to_gpu
from tests.metrics.cases import CODES, METRICS, World, assert_same, csr, given, make_world, needs
from tests.metrics.test_every_metric import TAKING_MATRICES


@pytest.mark.parametrize("name", sorted(METRICS.keys() - NO_GRADIENT))
def test_a_metric_is_the_same_on_a_gpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    here = _seeded(name, given(world))
    with pretended_gpu(monkeypatch):
        there = _seeded(name, given(_moved(world)))
    assert_same(there, here)


@pytest.mark.parametrize("name", sorted(set(TAKING_MATRICES) - NO_GRADIENT))
def test_so_it_is_with_codes_too_large_for_the_gpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    dense = given(world)
    codes = {key: csr(values) for key, values in dense.items() if key.removeprefix("train_") in CODES}
    here = _seeded(name, dense)
    with pretended_gpu(monkeypatch):
        there = _seeded(name, given(_moved(world)) | codes)
    assert_same(there, here)


def _moved(world: World) -> World:
    return World(*to_gpu((world.test, world.train, world.atoms, world.true_atoms)))


def _seeded(name: str, have: dict[str, Any]) -> Any:
    torch.manual_seed(0)
    value = METRICS[name](**{need: have[need] for need in needs(name)})
    return value.cpu() if isinstance(value, torch.Tensor) else value
