"""What a unit does: traversals change that unit only, and top samples are those of the largest codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.datasets.base import Dataset, Split
from bench.execute.outputs import Outputs, outputs_of
from bench.execute.traversing import GLOBAL_TRAVERSED, STEPS, TRAVERSED, Classes, classes_of, top_samples, traversals
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


def units_of(names: np.ndarray) -> list[int]:
    """'unit 7, global' -> 7."""
    return [int(name.removeprefix("unit ").partition(",")[0]) for name in names.tolist()]


def test_a_traversal_changes_one_unit_only(outputs: Outputs, classes: Classes) -> None:
    with torch.no_grad():
        found = traversals(outputs, classes)
        units = units_of(found["traversal_names"])
        assert len(units) == TRAVERSED
        for unit, x, decoded in zip(units, found["traversal_inputs"], found["traversals"], strict=True):
            (sample,) = (outputs.split.x == x).all(1).nonzero()[0].tolist()
            assert outputs.values["active"][sample, unit]
            label = outputs.split.labels[sample]
            z = outputs.values["z"]
            own = z[(outputs.split.labels == label) & (z[:, unit] != 0), unit].double()
            levels = [0.0, *torch.quantile(own, torch.tensor(STEPS, dtype=torch.float64)).tolist()]
            codes = z[sample].repeat(len(levels), 1)
            codes[:, unit] = torch.tensor(levels)
            torch.testing.assert_close(decoded, outputs.values["decode"](codes))
            steps = decoded - decoded[0]
            along = torch.tensor(levels)[:, None] * outputs.model.atoms()[unit]
            torch.testing.assert_close(steps, along, atol=1e-5, rtol=1e-4)
    assert found["traversal_steps"].tolist() == ["off", "5%", "20%", "35%", "50%", "65%", "80%", "95%"]


def test_top_samples_are_those_of_the_largest_codes(outputs: Outputs, classes: Classes) -> None:
    found = top_samples(outputs, classes)
    for unit, images in zip(units_of(found["top_names"]), found["top_inputs"], strict=True):
        codes = outputs.values["z"][:, unit].numpy()
        shown = [int((outputs.split.x == image).all(1).nonzero()[0]) for image in images]
        assert codes[shown].tolist() == sorted(codes, reverse=True)[: len(shown)]
        clear = codes[np.argsort(-codes, kind="stable")[:9]] > 0
        assert [s for s, c in zip(shown, clear, strict=True) if c] == [
            s for s, c in zip(np.argsort(-codes, kind="stable")[:9].tolist(), clear, strict=True) if c
        ]


def test_the_same_units_are_varied_and_have_their_top_samples(outputs: Outputs, classes: Classes) -> None:
    with torch.no_grad():
        varied = units_of(traversals(outputs, classes)["traversal_names"])
    assert varied == units_of(top_samples(outputs, classes)["top_names"])
    dead = set((outputs.values["active"].sum(0) == 0).nonzero().flatten().tolist())
    assert not dead & set(varied)


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


def test_units_of_all_classes_come_first_then_one_of_each_class(digits: Dataset) -> None:
    """Units 0 to 4 are on everywhere, 5 and 6 in class 0, 7 in class 1; 8 is never on."""
    torch.manual_seed(0)
    x = torch.rand(40, 9) + 0.1
    labels = [0] * 20 + [1] * 20
    x[20:, 5:7] = 0
    x[:20, 7] = 0
    x[:, 8] = 0
    outputs, classes = given(digits, x, labels)
    names = traversals(outputs, classes)["traversal_names"].tolist()
    units = units_of(np.array(names))
    assert set(units[:5]) == set(range(5))
    assert set(units[5:7]) & {5, 6}
    assert {7} < set(units[5:7])
    assert len(units) == TRAVERSED
    assert GLOBAL_TRAVERSED == 3
    in_classes = [name.rpartition("\nin ")[2] for name in names]
    assert in_classes[:2] == ["0", "1"], "a unit that is on in all classes is shown in another one each time"
    assert all(c == ("1" if unit == 7 else "0") for unit, c in zip(units[5:], in_classes[5:], strict=True))


def test_nothing_is_varied_where_no_unit_is_on(digits: Dataset) -> None:
    outputs, classes = given(digits, torch.zeros(6, 3), [0, 0, 0, 1, 1, 1])
    assert traversals(outputs, classes) == {}
    assert top_samples(outputs, classes) == {}


def test_dense_codes_without_a_likelihood_are_not_varied(digits: Dataset) -> None:
    outputs, classes = given(digits, torch.rand(6, 3), [0, 0, 0, 1, 1, 1])
    del outputs.values["likelihood"]
    assert traversals(outputs, classes) == {}


def test_a_vae_is_varied(digits: Dataset) -> None:
    model = VAE(VAE.Config(n_latents=4, hidden=8), digits.n_features)
    model.dead_variance = 0.0  # type: ignore[misc]
    outputs = outputs_of(model, digits, digits.test)
    classes = classes_of(outputs)
    assert classes is not None
    with torch.no_grad():
        found = traversals(outputs, classes)
    assert found["traversals"].shape == (4, 8, 64)


def test_a_split_without_all_labels_has_no_classes(digits: Dataset) -> None:
    model = TopK(TopK.Config(n_latents=8, k=2), digits.n_features)
    split = Split(digits.test.x, torch.full((360,), -1))
    assert classes_of(outputs_of(model, digits, split)) is None
