"""HierarchicalTopK: the mean error of all budgets and its gradient beside k dense decodes; budgets at inference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.datasets.base import Dataset
from metrics.robustness import inference_fvu
from models.exchange import format_of, read
from models.hierarchical_topk import HierarchicalTopK
from models.imported import Imported
from tests.models.test_contract import trained
from tests.models.test_sae import assert_same, double, fvu


def naive(model: HierarchicalTopK, x: Tensor) -> Tensor:
    """The mean over budgets of the error of as many dense decodes."""
    a = ((x - model.bias) @ model.encoder.T + model.encoder_bias).relu()
    order = a.argsort(dim=1, descending=True, stable=True)
    errors = []
    for j in range(1, model.config.k + 1):
        kept = torch.zeros_like(a).scatter(1, order[:, :j], 1.0)
        errors.append(fvu(model, x, a * kept))
    return torch.stack(errors).mean()


@pytest.mark.parametrize("k", [1, 4, 30])
@pytest.mark.parametrize("n", [1, 16])
def test_loss_and_gradients_are_those_of_k_dense_decodes(k: int, n: int) -> None:
    model, x = double(HierarchicalTopK, k=k)
    model.variance.fill_(1.7)
    assert_same(model, model.loss(x[:n], torch.zeros(n), 1.0), naive(model, x[:n]))


def test_blocks_of_samples_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = double(HierarchicalTopK)
    monkeypatch.setattr("models.parts.pursuit.CACHED", 5 * 4 * 10)  # five samples at a time
    assert_same(model, model.loss(x, torch.zeros(16), 1.0), naive(model, x))


def test_silent_units_add_nothing_to_a_prefix() -> None:
    """All units off: every budget has the error of b alone, and no unit a gradient."""
    model, x = double(HierarchicalTopK)
    with torch.no_grad():
        model.encoder_bias.fill_(-100.0)
    losses = model.loss(x, torch.zeros(16), 1.0)
    torch.testing.assert_close(losses.total, (x - model.bias).square().sum(1).mean())
    losses.total.backward()
    assert not model.encoder.grad.any()
    assert not model.dictionary.grad.any()
    assert model.bias.grad.any()


def test_equal_activations_give_the_same_bits_twice() -> None:
    found: list[Any] = []
    for _ in range(2):
        torch.manual_seed(0)
        model, x = double(HierarchicalTopK)
        with torch.no_grad():
            model.encoder.copy_(model.encoder[:1].expand(30, -1))
            model.encoder_bias.fill_(2.0)
        losses = model.loss(x, torch.zeros(16), 1.0)
        losses.total.backward()
        found.append([losses.total.detach(), *(p.grad for p in model.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_it_loses_less_than_topk_at_smaller_budgets(digits: Dataset) -> None:
    x, fvus = digits.test.x, {}
    for name in ("topk", "hierarchical-topk"):
        model: Any = trained(name, digits.train, n_latents=64, k=8, epochs=20)
        with torch.no_grad():
            fvus[name] = inference_fvu(
                lambda x, k, model=model: model.encode_with_budget(x, k).dense(),
                lambda z, model=model: z @ model.dictionary + model.bias,
                x,
                8,
            )
    ours, theirs = fvus["hierarchical-topk"], fvus["topk"]
    for budget in ("k'=1", "1/4k", "1/2k"):
        assert ours[budget] < 0.9 * theirs[budget], (ours, theirs)
        assert ours[budget] / ours["1k"] < theirs[budget] / theirs["1k"], (ours, theirs)


def test_other_libraries_open_it_as_topk(digits: Dataset, tmp_path: Path) -> None:
    model = trained("hierarchical-topk", digits.train)
    format_of("saelens").write(model.as_checkpoint(), tmp_path)
    checkpoint = read(tmp_path)
    twin = Imported(checkpoint.config, checkpoint.config.n_features)
    twin.load_state_dict(dict(checkpoint.tensors))
    x = digits.test.x
    torch.testing.assert_close(twin.encode(x).dense(), model.encode(x).dense(), rtol=0, atol=1e-5)
