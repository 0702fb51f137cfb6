"""The spike-and-slab mathematics against Monte Carlo, scipy and limits."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy.spatial.distance import jensenshannon
from torch import Tensor

from models.parts.likelihood import gaussian_kl
from models.parts.spike_slab import (
    Relaxation,
    SpikeHead,
    SpikeSlab,
    bernoulli_kl,
    hard_spike,
    relaxed_spike,
    spike_logit,
    spike_slab_kl,
)
from tests.models.parts.divergence import bernoulli_jsd

RELAXATIONS, HEADS = get_args(Relaxation), get_args(SpikeHead)


def logit(p: float) -> Tensor:
    return torch.logit(torch.tensor(p, dtype=torch.float64))


def unit(gamma: float, mu: float, sigma: float) -> SpikeSlab:
    return SpikeSlab(logit(gamma), *torch.tensor([mu, 2 * math.log(sigma)], dtype=torch.float64))


@pytest.mark.parametrize(
    ("q", "p"),
    [
        ((0.3, 0.7, 0.5), (0.2, 0.0, 1.0)),
        ((0.9, -1.5, 1.3), (0.5, 0.0, 1.0)),
        ((0.05, 2.0, 0.2), (0.01, 0.0, 1.0)),
        ((0.6, 0.4, 0.8), (0.3, -0.5, 1.7)),  # a pseudo-input's component
    ],
)
def test_kl_matches_monte_carlo_of_the_mixture_with_an_atom(
    q: tuple[float, float, float], p: tuple[float, float, float]
) -> None:
    n = 2_000_000
    analytic = sum(spike_slab_kl(unit(*q), unit(*p)))
    gamma, mu, sigma = q
    on = (torch.rand(n) < gamma).double()
    z = on * (mu + sigma * torch.randn(n, dtype=torch.float64))
    ratios = [
        SpikeSlab(*(field[None] for field in unit(*side))).log_density(on[:, None], z[:, None]) for side in (q, p)
    ]
    assert float(analytic) == pytest.approx((ratios[0] - ratios[1]).mean().item(), rel=0.01)


def test_log_density_is_bernoulli_times_normal() -> None:
    q = SpikeSlab(*(field.expand(1) for field in unit(0.3, 0.7, 0.5)))
    on = math.log(0.3) + torch.distributions.Normal(0.7, 0.5).log_prob(torch.tensor(1.1)).item()
    ones = torch.ones(1, dtype=torch.float64)
    assert q.log_density(ones, 1.1 * ones).item() == pytest.approx(on)
    assert q.log_density(0 * ones, 0 * ones).item() == pytest.approx(math.log(0.7))


def test_kl_at_the_limits() -> None:
    q = SpikeSlab(torch.tensor(60.0), torch.tensor(0.8), torch.tensor(-0.4))
    slab, spike = spike_slab_kl(q, unit(0.2, 0.0, 1.0))
    assert float(slab + spike) == pytest.approx(float(gaussian_kl(q.mu, q.log_variance)) - math.log(0.2), rel=1e-5)
    for same in (unit(0.2, 0.0, 1.0), unit(0.7, 1.3, 0.4)):
        assert float(sum(spike_slab_kl(same, same))) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("value", [-50.0, -10.0, 0.0, 10.0, 50.0])
def test_values_and_gradients_are_finite_for_extreme_logits(value: float, head: SpikeHead) -> None:
    outputs = torch.tensor([value, -value], requires_grad=True)
    first, second = spike_logit(outputs, head).split(1)
    total = bernoulli_kl(first, logit(0.01).float()) + bernoulli_jsd(first, second)
    for relaxation in RELAXATIONS:
        total = total + relaxed_spike(first, relaxation, 200.0, 2 / 3)
    total.sum().backward()
    assert total.isfinite().all()
    assert outputs.grad is not None
    assert outputs.grad.isfinite().all()


def test_log_relu_head_is_the_papers_gamma_and_stuck_at_one() -> None:
    outputs = torch.tensor([-3.0, -0.5, 0.2, 5.0], requires_grad=True)
    gamma = torch.sigmoid(spike_logit(outputs, "log_relu"))
    torch.testing.assert_close(gamma.detach(), torch.exp(-torch.relu(-outputs.detach())), atol=2e-6, rtol=0)
    gamma.sum().backward()
    assert outputs.grad is not None
    assert (outputs.grad[:2] > 0).all()
    assert (outputs.grad[2:] == 0).all()


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("gamma", [0.0, 0.01, 0.5, 0.99, 1.0])
def test_spikes_are_on_as_often_as_gamma_says(gamma: float, relaxation: Relaxation) -> None:
    n = 200_000
    tolerance = 3 * math.sqrt(gamma * (1 - gamma) / n) + 1e-9
    logits = logit(gamma).float().expand(n)
    assert hard_spike(logits).mean().item() == pytest.approx(gamma, abs=tolerance)
    relaxed = relaxed_spike(logits, relaxation, 200.0, 2 / 3)
    assert (relaxed > 0.5).float().mean().item() == pytest.approx(gamma, abs=tolerance)


def test_straight_through_spikes_are_hard_with_the_gradient_of_gamma() -> None:
    logits = torch.randn(1000, requires_grad=True)
    spike = relaxed_spike(logits, "straight_through", 200.0, 2 / 3)
    assert set(spike.detach().round(decimals=6).tolist()) == {0.0, 1.0}
    (grad,) = torch.autograd.grad(spike.sum(), logits)
    gamma = torch.sigmoid(logits.detach())
    torch.testing.assert_close(grad, gamma * (1 - gamma))


def test_relaxed_spike_leaks_ln2_over_c_at_gamma_zero() -> None:
    """The reason why evaluation draws hard spikes: at c = 50 the leak, 0.0139, is above a prior of 0.01."""
    leak = relaxed_spike(torch.full((2_000_000,), -100.0), "sigmoid_c", 50.0, 1.0).mean().item()
    assert leak == pytest.approx(math.log(2) / 50, rel=0.01)


def test_jsd_matches_scipy() -> None:
    p, q = torch.rand(2, 200, dtype=torch.float64)
    ours = bernoulli_jsd(torch.logit(p), torch.logit(q))
    reference = [jensenshannon([a, 1 - a], [b, 1 - b]) ** 2 for a, b in zip(p.tolist(), q.tolist(), strict=True)]
    torch.testing.assert_close(ours, torch.tensor(reference, dtype=torch.float64), atol=1e-12, rtol=1e-9)


@settings(deadline=None, max_examples=100)
@given(st.floats(-80, 80, allow_subnormal=False), st.floats(-80, 80, allow_subnormal=False))
def test_jsd_is_symmetric_and_within_its_bounds(p: float, q: float) -> None:
    first, second = torch.tensor([p, q], dtype=torch.float32)
    jsd = bernoulli_jsd(first, second).item()
    assert -1e-6 <= jsd <= math.log(2) + 1e-6
    assert jsd == pytest.approx(bernoulli_jsd(second, first).item(), abs=1e-6)


def test_summed_jsd_bounds_the_joint_jsd() -> None:
    """JSD is not additive over independent units; the sum over units is an upper bound on the joint divergence."""
    for _ in range(20):
        p, q = torch.rand(2, 5, dtype=torch.float64)
        states = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 5)
        joint = [(states * r + (1 - states) * (1 - r)).prod(1).numpy() for r in (p, q)]
        summed = bernoulli_jsd(torch.logit(p), torch.logit(q)).sum().item()
        assert jensenshannon(*joint) ** 2 <= summed + 1e-12


def test_a_slab_that_has_grown_is_its_own_whether_a_step_is_captured_or_not() -> None:
    """Small variances included; a captured step gets its share as a tensor."""
    log_variance = torch.tensor([-40.0, -17.0, -12.0, 0.0, 3.0], requires_grad=True)
    slab = SpikeSlab(torch.zeros(5), torch.ones(5), log_variance)
    assert slab.grown(1.0) is slab
    grown = slab.grown(torch.ones(()))
    torch.testing.assert_close(grown.log_variance, log_variance)
    (gradient,) = torch.autograd.grad(grown.log_variance.sum(), log_variance)
    torch.testing.assert_close(gradient, torch.ones(5))
    for share in (0.0, torch.zeros(())):
        assert torch.equal(slab.grown(share).log_variance, torch.zeros(5))
