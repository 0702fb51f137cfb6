"""Gated SAE: its loss by the formula, frozen parts included, and its codes in the libraries that know it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.datasets.base import Dataset
from models.exchange import format_of, read
from models.gated import Gated
from models.imported import Imported
from tests.models.test_contract import trained
from tests.models.test_sae import assert_same, double


def model_and_batch() -> tuple[Gated, Tensor]:
    model, x = double(Gated, l1=0.3)
    with torch.no_grad():
        model.log_gain.normal_(0, 0.5)
        model.magnitude_bias.normal_(0, 0.2)
        model.variance.fill_(2.5)
    return model, x


def test_loss_and_gradients_are_those_of_the_formula() -> None:
    model, x = model_and_batch()
    linear = (x - model.bias) @ model.encoder.T
    gate, magnitude = linear + model.encoder_bias, linear * model.log_gain.exp() + model.magnitude_bias
    z = (gate > 0) * magnitude.clamp_min(0)
    assert ((gate > 0) & (magnitude < 0)).any()
    assert ((gate < 0) & (magnitude > 0)).any()
    x_hat = z @ model.dictionary + model.bias
    x_hat_frozen = gate.clamp_min(0) @ model.dictionary.detach() + model.bias.detach()
    errors = ((x - each).square().sum(1).mean() / 2.5 for each in (x_hat, x_hat_frozen))
    expected = sum(errors) + 0.3 * gate.clamp_min(0).sum(1).mean() / 2.5**0.5
    assert_same(model, model.loss(x, torch.zeros(16), 1.0), expected)
    torch.testing.assert_close(model.encode(x).dense(), z.detach())
    torch.testing.assert_close(model.decode(model.encode(x)), x_hat.detach())


def test_the_penalty_reaches_neither_magnitudes_nor_decoder() -> None:
    model, x = model_and_batch()
    terms = model.loss(x, torch.zeros(16), 1.0).terms
    shielded = [model.log_gain, model.magnitude_bias, model.dictionary]
    for name in ("l1", "auxiliary"):
        assert torch.autograd.grad(terms[name], shielded, retain_graph=True, allow_unused=True) == (None,) * 3
    (learns,) = torch.autograd.grad(terms["fvu"], model.encoder_bias, retain_graph=True)
    assert learns.abs().max() < 1e-12, "the step has no gradient: only the other terms move the gate"


def test_closed_gates_are_off_whatever_their_magnitudes() -> None:
    model, x = model_and_batch()
    with torch.no_grad():
        model.encoder_bias.fill_(-100.0)
        model.magnitude_bias.fill_(100.0)
    assert not model.encode(x).dense().any()
    assert not model.encode_with_budget(x, 30).dense().any()
    losses = model.loss(x, torch.zeros(16), 1.0)
    torch.testing.assert_close(losses.total, 2 * (x - model.bias).square().sum(1).mean() / 2.5)
    losses.total.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", ["saelens", "dictionary_learning", "torch"])
def test_what_is_exported_has_the_same_codes(name: str, digits: Dataset, tmp_path: Path) -> None:
    model = trained("gated", digits.train, l1=0.2)
    format_of(name).write(model.as_checkpoint(), tmp_path)
    checkpoint = read(tmp_path)
    twin = Imported(checkpoint.config, checkpoint.config.n_features)
    twin.load_state_dict(dict(checkpoint.tensors))
    x = digits.test.x
    codes = model.encode(x)
    assert 1 < (codes.dense() != 0).sum(1).double().mean() < 19
    torch.testing.assert_close(twin.encode(x).dense(), codes.dense(), rtol=0, atol=1e-5)
    torch.testing.assert_close(twin.decode(twin.encode(x)), model.decode(codes), rtol=0, atol=1e-5)
