"""The spike-and-slab mathematics against Monte Carlo, scipy and limits."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.spatial.distance import jensenshannon
from torch import Tensor

from models.likelihood import gaussian_kl
from models.spike_slab import bernoulli_jsd, hard_spike, relaxed_spike, spike_kl, spike_slab_kl


def logit(p: float) -> Tensor:
    return torch.logit(torch.tensor(p, dtype=torch.float64))


@pytest.mark.parametrize(
    ("gamma", "mu", "sigma", "alpha"), [(0.3, 0.7, 0.5, 0.2), (0.9, -1.5, 1.3, 0.5), (0.05, 2, 0.2, 0.01)]
)
def test_kl_matches_monte_carlo_of_the_mixture_with_an_atom(
    gamma: float, mu: float, sigma: float, alpha: float
) -> None:
    n = 2_000_000
    log_variance = torch.tensor(2 * math.log(sigma), dtype=torch.float64)
    analytic = sum(spike_slab_kl(logit(gamma), torch.tensor(mu, dtype=torch.float64), log_variance, alpha))
    on = torch.rand(n) < gamma
    z = mu + sigma * torch.randn(n)
    slab = torch.distributions.Normal(mu, sigma).log_prob(z) - torch.distributions.Normal(0.0, 1.0).log_prob(z)
    log_ratio = torch.where(on, math.log(gamma / alpha) + slab, math.log((1 - gamma) / (1 - alpha)))
    assert float(analytic) == pytest.approx(log_ratio.mean().item(), rel=0.01)


def test_kl_at_the_limits() -> None:
    mu, log_variance = torch.tensor(0.8), torch.tensor(-0.4)
    slab, spike = spike_slab_kl(torch.tensor(60.0), mu, log_variance, 0.2)
    assert float(slab + spike) == pytest.approx(float(gaussian_kl(mu, log_variance)) - math.log(0.2), rel=1e-5)
    slab, spike = spike_slab_kl(logit(0.2), torch.zeros(()), torch.zeros(()), 0.2)
    assert float(slab + spike) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("value", [-50.0, -10.0, 0.0, 10.0, 50.0])
def test_values_and_gradients_are_finite_for_extreme_logits(value: float) -> None:
    first = torch.tensor([value], requires_grad=True)
    second = torch.tensor([-value], requires_grad=True)
    total = spike_kl(first, 0.01) + bernoulli_jsd(first, second) + relaxed_spike(first, 200.0)
    total.sum().backward()
    assert total.isfinite().all()
    assert first.grad is not None
    assert first.grad.isfinite().all()


@pytest.mark.parametrize("gamma", [0.0, 0.01, 0.5, 0.99, 1.0])
def test_spikes_are_on_as_often_as_gamma_says(gamma: float) -> None:
    n = 200_000
    tolerance = 3 * math.sqrt(gamma * (1 - gamma) / n) + 1e-9
    logits = logit(gamma).float().expand(n)
    assert hard_spike(logits).mean().item() == pytest.approx(gamma, abs=tolerance)
    assert (relaxed_spike(logits, 200.0) > 0.5).float().mean().item() == pytest.approx(gamma, abs=tolerance)


def test_relaxed_spike_leaks_ln2_over_c_at_gamma_zero() -> None:
    """The reason why evaluation draws hard spikes: at c = 50 the leak, 0.0139, is above a prior of 0.01."""
    leak = relaxed_spike(torch.full((2_000_000,), -100.0), 50.0).mean().item()
    assert leak == pytest.approx(math.log(2) / 50, rel=0.01)


def test_jsd_matches_scipy() -> None:
    p, q = torch.rand(2, 200, dtype=torch.float64)
    ours = bernoulli_jsd(torch.logit(p), torch.logit(q))
    reference = [jensenshannon([a, 1 - a], [b, 1 - b]) ** 2 for a, b in zip(p.tolist(), q.tolist(), strict=True)]
    torch.testing.assert_close(ours, torch.tensor(reference, dtype=torch.float64), atol=1e-12, rtol=1e-9)


def test_summed_jsd_bounds_the_joint_jsd() -> None:
    """JSD is not additive over independent units; the sum over units is an upper bound on the joint divergence."""
    for _ in range(20):
        p, q = torch.rand(2, 5, dtype=torch.float64)
        states = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 5)
        joint = [(states * r + (1 - states) * (1 - r)).prod(1).numpy() for r in (p, q)]
        summed = bernoulli_jsd(torch.logit(p), torch.logit(q)).sum().item()
        assert jensenshannon(*joint) ** 2 <= summed + 1e-12
