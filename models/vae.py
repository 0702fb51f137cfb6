"""VAE: Gaussian latents and an MLP decoder; the dense reference (Kingma & Welling 2014, arXiv 1312.6114).

Minimises -ELBO = -E_q[log p(x|z)] + beta KL(q(z|x) || N(0, I)), both summed over dimensions, averaged over the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from models.base import Codes, DenseCodes, GradientConfig, Losses, Model, warmup
from models.parts.hardware import EncoderLinear
from models.parts.likelihood import (
    LIKELIHOOD,
    Decoder,
    Likelihood,
    gaussian_kl,
    gaussian_log_density,
    importance_bound,
    sample_gaussian,
)


class VAEConfig(GradientConfig):
    """Hyperparameters of the VAE; the defaults follow the MNIST baseline in the VSC paper (ICLR 2019 version)."""

    n_latents: int = Field(64, ge=1, description="M; the paper sweeps 8 to 200; 64 is a choice in this range")
    hidden: int = Field(400, ge=1, description="Width of the one hidden layer of encoder and decoder [VSC, ICLR 2019]")
    likelihood: Likelihood = Field("bernoulli", description=LIKELIHOOD)
    beta: float = Field(1.0, ge=0, description="Weight of the KL term; 1 is the ELBO [Kingma & Welling]")
    beta_warmup: float = Field(0.0, ge=0, le=1, description="Share of training over which beta rises from 0 [choice]")


class VAE(Model[VAEConfig]):
    """Variational autoencoder. Its codes are the posterior means: dense, with no activation probability."""

    Config = VAEConfig
    capturable = True
    family: ClassVar[str] = "VAE family"
    dense: ClassVar[bool] = True
    matched_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {  # beta turns units off together: 207, 128, 0 at 3, 10, 40
        "n_latents": (2, 4, 10, 25, 64)
    }
    dead_variance: ClassVar[float] = 0.01  # a collapsed unit, Burda et al. 2016, section 5.1

    def __init__(self, config: VAEConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.encoder = nn.Sequential(EncoderLinear(n_features, config.hidden), nn.ReLU())
        self.heads = EncoderLinear(config.hidden, 2 * config.n_latents)
        self.decoder = Decoder(config.n_latents, config.hidden, n_features, config.likelihood)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), (N, M) each."""
        mu, log_variance = self.heads(self.encoder(self.decoder.standardised(x))).chunk(2, dim=-1)
        return mu, log_variance

    def require_inputs(self, x: Tensor) -> None:
        super().require_inputs(x)
        self.decoder.require_inputs(x)

    def prepare(self, x: Tensor, labels: Tensor) -> None:
        self.decoder.fit_scale(x)

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        mu, log_variance = self.posterior(x)
        nll = -self.decoder.log_density(x, sample_gaussian(mu, log_variance)).mean()
        kl = gaussian_kl(mu, log_variance).sum(-1).mean()
        beta = self.config.beta * warmup(progress, self.config.beta_warmup)
        return Losses(nll + beta * kl, {"nll": nll, "kl": kl})

    def posterior_mean(self, x: Tensor) -> Tensor:
        return self.posterior(x)[0]

    def encode(self, x: Tensor) -> DenseCodes:
        return DenseCodes(self.posterior_mean(x))

    def decode(self, codes: Codes) -> Tensor:
        return self.decoder.mean(codes.dense())

    def elbo(self, x: Tensor) -> Tensor:
        mu, log_variance = self.posterior(x)
        log_density = self.decoder.log_density(x, sample_gaussian(mu, log_variance))
        return log_density - gaussian_kl(mu, log_variance).sum(-1)

    def log_likelihood(self, x: Tensor, n_samples: int) -> Tensor:
        mu, log_variance = (p.expand(n_samples, *p.shape) for p in self.posterior(x))
        z = sample_gaussian(mu, log_variance)
        zeros = torch.zeros_like(z)
        log_ratio = gaussian_log_density(z, zeros, zeros) - gaussian_log_density(z, mu, log_variance)
        return importance_bound(self.decoder.log_density(x, z) + log_ratio.sum(-1))
