"""The two-layer networks and the pixel likelihoods that the VAE family shares."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Likelihood = Literal["bernoulli", "gaussian"]
"""The distribution of a pixel, given a code."""


class Decoder(nn.Module):
    """MLP from a code to a pixel distribution, with its log density.

    Bernoulli: the output is a logit per pixel, and grey values in [0, 1] enter the log density as they are (the
    convention of the VAE literature). Gaussian: the output is the logit of the mean, and one log-variance is learned
    for all pixels (a choice; the VSC supplement learns one per pixel).
    """

    def __init__(self, n_latents: int, hidden: int, n_features: int, likelihood: Likelihood) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(n_latents, hidden), nn.ReLU(), nn.Linear(hidden, n_features))
        self.likelihood = likelihood
        self.log_variance = nn.Parameter(torch.zeros(()), requires_grad=likelihood == "gaussian")

    def mean(self, z: Tensor) -> Tensor:
        """Pixel means in (0, 1) for codes z (..., M)."""
        logits: Tensor = self.network(z)
        return torch.sigmoid(logits)

    def log_density(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over the pixels; x (..., D) broadcasts against the codes z (..., M)."""
        logits: Tensor = self.network(z)
        if self.likelihood == "bernoulli":
            evidence: Tensor = torch.linalg.vecdot(x.expand_as(logits), logits)
            return evidence - F.softplus(logits).sum(-1)
        squares = (x - torch.sigmoid(logits)).square().sum(-1)
        constant = x.shape[-1] * (self.log_variance + math.log(2 * math.pi))
        return -0.5 * (squares / self.log_variance.exp() + constant)


def gaussian_kl(mu: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) in nats, elementwise."""
    return 0.5 * (mu.square() + log_variance.exp() - 1 - log_variance)


def gaussian_log_density(z: Tensor, mu: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; mu, sigma^2) in nats, elementwise."""
    return -0.5 * ((z - mu).square() / log_variance.exp() + log_variance + math.log(2 * math.pi))


def sample_gaussian(mu: Tensor, log_variance: Tensor) -> Tensor:
    """A reparametrised draw from N(mu, sigma^2)."""
    return mu + torch.exp(0.5 * log_variance) * torch.randn_like(mu)


def importance_bound(log_weights: Tensor) -> Tensor:
    """log of the mean importance weight: (K, N) log weights -> (N,)."""
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))
