"""What a unit does: traversals change that unit only, and top samples are those of the largest codes."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bench.datasets.base import Dataset, Split
from bench.execute import traversing
from bench.execute.outputs import Outputs, outputs_of
from bench.execute.traversing import (
    MOST_CLASSES,
    MOST_GLOBAL,
    MOST_UNITS,
    STEPS,
    Classes,
    classes_of,
    top_samples,
    traversals,
    units_to_show,
)
from models.base import DenseCodes, Model, ModelConfig
from models.topk import TopK
from models.vae import VAE


@pytest.fixture
def outputs(digits: Dataset) -> Outputs:
    model = TopK(TopK.Config(n_latents=48, k=4), digits.n_features)
    model.prepare(digits.train.x, digits.train.labels)
    return outputs_of(model, digits, digits.test)


@pytest.fixture
def classes(outputs: Outputs) -> Classes:
    found = classes_of(outputs)
    assert found is not None
    return found


def varied(outputs: Outputs, classes: Classes) -> dict[str, Any]:
    """Traversals of the units that are shown."""
    return traversals(outputs, classes, units_to_show(outputs, classes))


def tops(outputs: Outputs, classes: Classes) -> dict[str, Any]:
    """Their top samples."""
    return top_samples(outputs, classes, units_to_show(outputs, classes))


def units_of(names: np.ndarray) -> list[int]:
    """'unit 7, global' -> 7."""
    return [int(name.removeprefix("unit ").partition(",")[0]) for name in names.tolist()]


def test_a_traversal_moves_one_unit_along_its_atom_from_zero_to_its_largest_value(
    outputs: Outputs, classes: Classes
) -> None:
    with torch.no_grad():
        found = varied(outputs, classes)
    z, labels = outputs.values["z"], outputs.split.labels
    assert found["varied_classes"].tolist() == list(range(10))
    for place, unit in enumerate(found["varied_units"]):
        largest = z[:, unit].max()
        torch.testing.assert_close(found["varied_levels"][place], largest * torch.tensor(STEPS))
        for label in range(10):
            members = labels == label
            x = outputs.split.x[members][0]
            torch.testing.assert_close(found["varied_inputs"][label], x)
            assert found["varied_rates"][place, label] == (z[members, unit] != 0).double().mean()
            without = outputs.values["x_hat"][members][0] - z[members][0, unit] * outputs.model.atoms()[unit]
            along = torch.tensor(STEPS)[:, None] * largest * outputs.model.atoms()[unit]
            torch.testing.assert_close(found["varied"][place, label], without + along, atol=1e-5, rtol=1e-4)


def test_top_samples_are_those_of_the_largest_codes(outputs: Outputs, classes: Classes) -> None:
    found = tops(outputs, classes)
    for unit, images in zip(units_of(found["top_names"]), found["top_inputs"], strict=True):
        codes = outputs.values["z"][:, unit].numpy()
        shown = [int((outputs.split.x == image).all(1).nonzero()[0]) for image in images]
        assert codes[shown].tolist() == sorted(codes, reverse=True)[: len(shown)]
        clear = codes[np.argsort(-codes, kind="stable")[:9]] > 0
        assert [s for s, c in zip(shown, clear, strict=True) if c] == [
            s for s, c in zip(np.argsort(-codes, kind="stable")[:9].tolist(), clear, strict=True) if c
        ]


class Given(Model[ModelConfig]):
    """Its codes are its inputs."""

    def encode(self, x: torch.Tensor) -> DenseCodes:
        return DenseCodes(x)

    def decode(self, codes: DenseCodes) -> torch.Tensor:
        return codes.z

    def elbo(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(1)

    def log_likelihood(self, x: torch.Tensor, n_samples: int) -> torch.Tensor:
        return x.sum(1)


def given(digits: Dataset, x: torch.Tensor, labels: list[int]) -> tuple[Outputs, Classes]:
    split = Split(x, torch.tensor(labels))
    found = outputs_of(Given(ModelConfig(n_latents=x.shape[1]), x.shape[1]), replace(digits, test=split), split)
    classes = classes_of(found)
    assert classes is not None
    return found, classes


def in_two_classes() -> tuple[torch.Tensor, list[int]]:
    """Units 0 to 4 are on everywhere, 5 and 6 in class 0, 7 in class 1; 8 is never on."""
    torch.manual_seed(0)
    x = torch.rand(40, 9) + 0.1
    x[20:, 5:7] = 0
    x[:20, 7] = 0
    x[:, 8] = 0
    return x, [0] * 20 + [1] * 20


def test_units_of_all_classes_come_first_then_one_of_each_class(digits: Dataset) -> None:
    outputs, classes = given(digits, *in_two_classes())
    units = units_of(tops(outputs, classes)["top_names"])
    assert set(units[:5]) == set(range(5))
    assert set(units[5:7]) & {5, 6}
    assert {7} < set(units[5:7])
    assert len(units) == MOST_UNITS
    assert MOST_GLOBAL == 3


def test_each_of_many_units_is_looked_at_once(digits: Dataset) -> None:
    n = 16_000
    outputs, classes = given(digits, torch.ones(2, n), [0, 1])
    rates = torch.zeros(2, n).double()
    rates[0, 0::2], rates[1, 1::2] = 0.9, 0.9
    start = time.perf_counter()
    shown = units_to_show(outputs, replace(classes, rates=rates))
    assert time.perf_counter() - start < 5, "twenty seconds where each is compared with all before it"
    assert [unit % 2 for unit in shown] == [0, 1] * (MOST_UNITS // 2)


def test_a_global_and_a_class_specific_unit_are_varied_or_the_one_that_there_is(digits: Dataset) -> None:
    x, labels = in_two_classes()
    found = varied(*given(digits, x, labels))
    assert (found["varied_units"][0] < 5, found["varied_units"][1] in (5, 6, 7)) == (True, True)
    assert found["varied_rates"][0].tolist() == [1, 1]
    assert sorted(found["varied_rates"][1].tolist()) == [0, 1]
    assert len(varied(*given(digits, x[:, 5:], labels))["varied_units"]) == 1
    assert varied(*given(digits, x[:, 8:], labels)) == {}


def test_a_unit_that_goes_below_zero_is_varied_to_the_value_farthest_from_it(digits: Dataset) -> None:
    x, labels = in_two_classes()
    x[3, :5], x[4, :5] = -9, 7
    levels = varied(*given(digits, x, labels))["varied_levels"][0]
    assert levels.tolist() == pytest.approx([0, -3, -6, -9])


def test_of_many_classes_or_of_large_inputs_some_are_shown_with_that_in_which_the_unit_is_on(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, labels = torch.ones(60, 3), [i % 30 for i in range(60)]
    x[:, 1:] = 0
    x[29::30, 1] = 1
    many = replace(digits, class_names=tuple(map(str, range(30))))
    found = varied(*given(many, x, labels))
    assert len(found["varied_classes"]) == MOST_CLASSES
    assert 29 in found["varied_classes"]
    monkeypatch.setattr(traversing, "MOST_VALUES", 1)
    assert varied(*given(many, x, labels))["varied_inputs"].shape == (2, 3)


def test_nothing_is_varied_where_no_unit_is_on(digits: Dataset) -> None:
    outputs, classes = given(digits, torch.zeros(6, 3), [0, 0, 0, 1, 1, 1])
    assert varied(outputs, classes) == {}
    assert tops(outputs, classes) == {}


def test_a_vae_is_varied(digits: Dataset) -> None:
    model = VAE(VAE.Config(n_latents=4, hidden=8), digits.n_features)
    model.dead_variance = 0.0  # type: ignore[misc]
    outputs = outputs_of(model, digits, digits.test)
    classes = classes_of(outputs)
    assert classes is not None
    with torch.no_grad():
        found = varied(outputs, classes)
    assert found["varied"].shape == (1, 10, len(STEPS), 64), "all of its units are global"


def test_a_split_without_all_labels_has_no_classes(digits: Dataset) -> None:
    model = TopK(TopK.Config(n_latents=8, k=2), digits.n_features)
    split = Split(digits.test.x, torch.full((360,), -1))
    assert classes_of(outputs_of(model, digits, split)) is None
