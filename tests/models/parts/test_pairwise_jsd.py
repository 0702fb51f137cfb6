"""Divergences of pairs: the closed form beside autograd of the definition, on both devices' paths."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch

from models.parts import pairwise_jsd as module
from models.parts.pairwise_jsd import pairwise_jsd
from tests.models.parts.divergence import bernoulli_jsd


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(("b", "m", "scale"), [(2, 1, 1.0), (7, 5, 3.0), (12, 4, 40.0)])
def test_value_and_gradient_are_those_of_the_definition(
    b: int, m: int, scale: float, listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "may_wait", lambda _: listed)
    monkeypatch.setattr(module, "GPU_BLOCK", 8 * b * m)  # two images at a time
    logit = (scale * torch.randn(b, m, dtype=torch.float64)).requires_grad_()
    weight = torch.rand(b, b, dtype=torch.float64).triu(1) * (torch.rand(b, b) < 0.6)
    weight = weight + weight.T
    expected = sum((weight[i, j] * bernoulli_jsd(logit[i], logit[j]).sum() for i, j in combinations(range(b), 2)))
    assert isinstance(expected, torch.Tensor)
    total = pairwise_jsd(logit, weight)
    torch.testing.assert_close(total, expected, rtol=1e-12, atol=1e-13)
    ours, theirs = (torch.autograd.grad(3 * each, logit, allow_unused=True)[0] for each in (total, expected))
    torch.testing.assert_close(ours, torch.zeros_like(logit) if theirs is None else theirs, rtol=1e-9, atol=1e-13)


def test_no_pair_is_no_divergence_and_saturated_images_have_finite_gradients() -> None:
    logit = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    assert pairwise_jsd(logit, torch.zeros(2, 2)) == 0
    apart = pairwise_jsd(logit, 1 - torch.eye(2))
    assert apart.item() == pytest.approx(2 * torch.tensor(2.0).log().item())
    (gradient,) = torch.autograd.grad(apart, logit)
    assert (gradient == 0).all()
