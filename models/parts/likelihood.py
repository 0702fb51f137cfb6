"""The two-layer networks and the pixel likelihoods that the VAE family shares."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Likelihood = Literal["bernoulli", "gaussian", "unit_gaussian"]
"""The distribution of a pixel, given a code: see `Decoder`."""

LIKELIHOOD = (
    "bernoulli, of pixels in [0, 1]; gaussian, with the best variance; unit_gaussian [bernoulli: VSC, ICLR 2019]"
)
"""What a config says of the choice."""

TOLERANCE = 1e-6
"""By which rounding may carry a pixel out of [0, 1]."""

LEAST_VARIANCE = 1e-6
"""Smallest variance of a pixel, as a share of the data's: where nothing is left to explain, the density is finite."""

MOMENTUM = 0.05
"""Weight of the last batch in the running variance."""


class Decoder(nn.Module):
    """MLP from a code to a pixel distribution, with its log density.

    ``bernoulli``: the output is a logit per pixel, and grey values in [0, 1] enter the log density as they are (the
    convention of the VAE literature). ``gaussian``: the mean is m + s f(z), unbounded, where m is the mean training
    input and s^2 the mean variance of a pixel, and one variance holds for all pixels: in training the best for each
    batch, its mean squared error, which is at least 1e-6 s^2; in evaluation the running mean of its logarithm
    (Rybkin et al. 2021, arXiv 2006.13202, optimal sigma-VAE). ``unit_gaussian``: the same with variance 1, the squared
    error of the VAE literature, whose weight against the KL terms depends on the scale of the data.
    """

    centre: Tensor
    """m, (D,); not for Bernoulli pixels."""
    scale: Tensor
    """s, (); not for Bernoulli pixels."""

    def __init__(self, n_latents: int, hidden: int, n_features: int, likelihood: Likelihood) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(n_latents, hidden), nn.ReLU(), nn.Linear(hidden, n_features))
        self.likelihood = likelihood
        self.log_variance = nn.Parameter(torch.zeros(()), requires_grad=False)
        if likelihood != "bernoulli":
            self.register_buffer("centre", torch.zeros(n_features))
            self.register_buffer("scale", torch.ones(()))

    def require_inputs(self, x: Tensor) -> None:
        """Raise ValueError where the likelihood is of pixels in [0, 1] and x (N, D) has others."""
        low, high = (bound.item() for bound in x.aminmax())
        if self.likelihood == "bernoulli" and (low < -TOLERANCE or high > 1 + TOLERANCE):
            raise ValueError(
                f"x goes from {low:.4g} to {high:.4g}, and a Bernoulli likelihood is of values in [0, 1]; choose "
                "another with --set likelihood=gaussian (--set MODEL.likelihood=gaussian for one model alone)"
            )

    @torch.no_grad()
    def fit_scale(self, x: Tensor) -> None:
        """Take mean and variance of the training inputs x (N, D); nothing for Bernoulli pixels."""
        if self.likelihood == "bernoulli":
            return
        variance, mean = torch.var_mean(x.double(), dim=0, correction=0)
        self.centre.copy_(mean)
        self.scale.copy_(variance.mean().sqrt() if variance.any() else torch.ones(()))
        if self.likelihood == "gaussian":
            self.log_variance.copy_(2 * self.scale.log())

    def standardised(self, x: Tensor) -> Tensor:
        """What an encoder reads of inputs x (N, D): x, or of Gaussian pixels (x - m) / s."""
        return x if self.likelihood == "bernoulli" else (x - self.centre) / self.scale

    def mean(self, z: Tensor) -> Tensor:
        """Pixel means for codes z (..., M); of Bernoulli pixels in (0, 1)."""
        output: Tensor = self.network(z)
        return torch.sigmoid(output) if self.likelihood == "bernoulli" else self.centre + self.scale * output

    def log_density(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over the pixels; x (..., D) broadcasts against the codes z (..., M)."""
        if self.likelihood == "bernoulli":
            logits: Tensor = self.network(z)
            evidence: Tensor = torch.linalg.vecdot(x.expand_as(logits), logits)
            return evidence - F.softplus(logits).sum(-1)
        squares = (x - self.mean(z)).square()
        log_variance = self._variance_of(squares.detach()) if self.training else self.log_variance
        constant = x.shape[-1] * (log_variance + math.log(2 * math.pi))
        return -0.5 * (squares.sum(-1) / log_variance.exp() + constant)

    def _variance_of(self, squares: Tensor) -> Tensor:
        """Logarithm of the variance that fits squared errors (..., D) best, or of 1; the running mean follows it."""
        if self.likelihood == "unit_gaussian":
            return self.log_variance
        best = torch.maximum(squares.mean(), LEAST_VARIANCE * self.scale.square()).log()
        self.log_variance.data.lerp_(best, MOMENTUM)
        return best


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
