"""AbsTopK: magnitudes select, signs stay; negative codes are active, and dead units take theirs to the residual."""

from __future__ import annotations

import torch
from torch import Tensor

from models.abstopk import AbsTopK
from models.capabilities import Exportable
from tests.models.test_sae import assert_same, double, fvu


def naive(model: AbsTopK, x: Tensor, k: int) -> Tensor:
    """Dense codes, one sample and one unit after the other."""
    pre = (x - model.bias) @ model.encoder.T + model.encoder_bias
    kept = torch.zeros_like(pre)
    for n, row in enumerate(pre.tolist()):
        for j in sorted(range(len(row)), key=lambda j: -abs(row[j]))[:k]:
            kept[n, j] = 1
    return pre * kept


def test_loss_and_gradients_are_those_of_dense_autograd() -> None:
    model, x = double(AbsTopK)
    z = naive(model, x, 4)
    assert (z < 0).any()
    assert (z > 0).any()
    assert_same(model, model.loss(x, torch.zeros(16), 1.0), fvu(model, x, z))
    torch.testing.assert_close(model.encode(x).dense(), z.detach())
    torch.testing.assert_close(model.encode_with_budget(x, 9).dense(), naive(model, x, 9).detach())


def test_all_units_and_ties_and_zeros() -> None:
    model, x = double(AbsTopK, k=30)
    assert_same(model, model.loss(x, torch.zeros(16), 1.0), fvu(model, x, naive(model, x, 30)))
    with torch.no_grad():
        model.encoder[1] = -model.encoder[0]  # of the same magnitude on every sample
        model.encoder_bias[:2] = 0
    codes = model.encode_with_budget(x, 1).dense()
    assert ((codes != 0).sum(1) == 1).all()
    with torch.no_grad():
        model.encoder_bias.zero_()
    nothing = model.bias.detach().expand(3, -1)
    assert not model.encode(nothing).dense().any()
    assert model.loss(nothing, torch.zeros(3), 1.0).total.item() == 0


def test_an_opposite_input_has_the_opposite_code() -> None:
    model, x = double(AbsTopK)
    with torch.no_grad():
        model.encoder_bias.zero_()
    opposite = 2 * model.bias.detach() - x
    torch.testing.assert_close(model.encode(opposite).dense(), -model.encode(x).dense())


def test_a_unit_that_is_only_negative_is_not_dead() -> None:
    model, x = double(AbsTopK, auxk=8, k=1)
    with torch.no_grad():
        model.encoder_bias[3] = -100.0
    model.auxk.silence.fill_(5.0)
    model.loss(x, torch.zeros(16), 1.0)
    assert model.auxk.silence[3] == 0
    assert (model.auxk.silence == 21).sum() == 29


def test_dead_units_rebuild_the_residual_with_their_signs() -> None:
    model, x = double(AbsTopK, auxk=3)
    dead = torch.arange(30) >= 20
    with torch.no_grad():
        model.encoder[dead] *= 1e-3  # too small to be among the four
        model.encoder_bias[dead] *= 1e-3
    z = naive(model, x, 4)
    assert not z[:, dead].any()
    model.auxk.silence.copy_(dead * 1e6)
    model.auxk.dead_after = 1e3
    pre = ((x - model.bias) @ model.encoder.T + model.encoder_bias)[:, dead]
    top = torch.zeros_like(pre).scatter(1, pre.abs().topk(3, 1).indices, 1.0)
    residual = (x - z @ model.dictionary - model.bias).detach()
    error = (residual - (pre * top) @ model.dictionary[dead]).square().sum() / residual.square().sum()
    expected = fvu(model, x, z) + model.config.auxk_weight * error
    assert_same(model, model.loss(x, torch.zeros(16), 1.0), expected)


def test_its_scores_are_magnitudes_and_no_library_has_it() -> None:
    model, x = double(AbsTopK)
    torch.testing.assert_close(model.preactivations(x), naive(model, x, 30).abs())
    assert not isinstance(model, Exportable)
