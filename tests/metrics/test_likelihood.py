"""Bounds on the likelihood: means over images, and an exact Gaussian model."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from metrics import likelihood
from metrics.matrix import evenly_spaced


class Exact:
    """Bounds that are known for each image; counts the importance samples that are requested."""

    def __init__(self) -> None:
        self.asked: set[int] = set()

    def elbo(self, x: Tensor) -> Tensor:
        return -x.sum(1)

    def log_likelihood(self, x: Tensor, n_samples: int) -> Tensor:
        self.asked.add(n_samples)
        return -x.sum(1)


def test_likelihoods_by_hand() -> None:
    # Log-likelihoods -1 and -3: 2 nats an image.
    x = torch.tensor([[1.0, 0.0], [1.0, 2.0]])
    assert likelihood.neg_elbo(Exact(), x) == 2
    assert likelihood.nll(Exact(), x) == 2


def test_means_run_over_images_whatever_the_chunks() -> None:
    x, model = torch.rand(1203, 4), Exact()
    assert likelihood.neg_elbo(model, x) == pytest.approx(x.sum(1).mean().item(), rel=1e-5)
    assert likelihood.nll(model, x) == pytest.approx(x.sum(1).mean().item(), rel=1e-5)
    assert model.asked == {50}


def test_nll_is_read_on_evenly_spaced_images() -> None:
    x = torch.arange(5000.0)[:, None]
    expected = x[evenly_spaced(5000, 2000)].mean().item()
    assert likelihood.nll(Exact(), x) == pytest.approx(expected, rel=1e-6)


def test_a_gaussian_with_its_exact_posterior_has_no_gap() -> None:
    """x = z + noise, z and noise standard: p(x) = N(0, 2), and the posterior N(x / 2, 1 / 2) is exact."""

    class Gaussian(Exact):
        def log_likelihood(self, x: Tensor, n_samples: int) -> Tensor:
            z = x[None] / 2 + math.sqrt(0.5) * torch.randn(n_samples, *x.shape)
            normal = torch.distributions.Normal
            joint = normal(0.0, 1.0).log_prob(z) + normal(z, 1.0).log_prob(x)
            weights = (joint - normal(x / 2, math.sqrt(0.5)).log_prob(z)).sum(-1)
            return torch.logsumexp(weights, 0) - math.log(n_samples)

    x = torch.randn(40, 3)
    expected = -torch.distributions.Normal(0.0, math.sqrt(2)).log_prob(x).sum(1).mean().item()
    assert likelihood.nll(Gaussian(), x) == pytest.approx(expected, rel=1e-5)
