"""Variational sparse coding: a VAE with spike-and-slab latents (Tonolini et al., UAI 2019; ICLR 2019 version).

q(z|x) = prod_j [gamma_j N(mu_j, sigma_j^2) + (1 - gamma_j) delta_0], prior alpha N(0, 1) + (1 - alpha) delta_0.
Minimises -E_q[log p(x|z)] + sum_j gamma_j KL(slab) + KL(Bernoulli(gamma_j) || Bernoulli(alpha)), a valid -ELBO.
The spike head is a logit, not the paper's log gamma = -ReLU(-v), whose gradient is zero once gamma = 1 [choice].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from models.base import Codes, DenseCodes, GradientConfig, LikelihoodModel, Losses, importance_bound, warmup
from models.likelihood import Decoder, Likelihood, gaussian_log_ratio, sample_gaussian
from models.spike_slab import hard_spike, relaxed_spike, spike_slab_kl


class VSCConfig(GradientConfig):
    """Hyperparameters of VSC; the defaults follow the ICLR 2019 version on MNIST."""

    n_latents: int = Field(64, ge=1, description="M; the paper sweeps 8 to 200, 64 is a choice within it")
    hidden: int = Field(400, ge=1, description="Width of the one hidden layer of encoder and decoder [ICLR 2019]")
    likelihood: Likelihood = Field("bernoulli", description="Pixel likelihood [ICLR 2019]")
    alpha: float = Field(0.2, gt=0, lt=1, description="Prior probability of a spike; 0.01, 0.2, 0.5 [ICLR 2019]")
    sharpness_start: float = Field(50.0, gt=0, description="Spike relaxation c at the first step [supplement B.2]")
    sharpness_end: float = Field(200.0, gt=0, description="Spike relaxation c at the last step [supplement B.2]")
    spike_warmup: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of training over which the slab grows from N(0, 1) to its own [B.2; length: choice]",
    )


class VSC(LikelihoodModel):
    """Variational sparse coding with a fixed prior. Codes are hard: unit j is on where gamma_j > 0.5."""

    Config: ClassVar[type[VSCConfig]] = VSCConfig
    matched_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"alpha": (0.02, 0.05, 0.1, 0.2, 0.5)}

    def __init__(self, config: VSCConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.encoder = nn.Sequential(nn.Linear(n_features, config.hidden), nn.ReLU())
        self.heads = nn.Linear(config.hidden, 3 * config.n_latents)
        self.decoder = Decoder(config.n_latents, config.hidden, n_features, config.likelihood)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Spike logit, slab mean and slab log-variance of q(z|x), (N, M) each."""
        logit, mu, log_variance = self.heads(self.encoder(x)).chunk(3, dim=-1)
        return logit, mu, log_variance

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        return self.relaxed_bound(x, self.posterior(x), progress)

    def relaxed_bound(self, x: Tensor, posterior: tuple[Tensor, Tensor, Tensor], progress: float) -> Losses:
        """-ELBO of a batch with relaxed spikes, at this point of the warm-up and of the sharpening."""
        logit, mu, log_variance = posterior
        growth = warmup(progress, self.config.spike_warmup)
        if growth < 1:
            mu, log_variance = growth * mu, torch.log1p(growth * torch.expm1(log_variance))
        sharpness = self.config.sharpness_start + progress * (self.config.sharpness_end - self.config.sharpness_start)
        z = relaxed_spike(logit, sharpness) * sample_gaussian(mu, log_variance)
        nll = -self.decoder.log_density(x, z).mean()
        slab, spike = (kl.sum(-1).mean() for kl in spike_slab_kl(logit, mu, log_variance, self.config.alpha))
        return Losses(nll + slab + spike, {"nll": nll, "slab_kl": slab, "spike_kl": spike})

    def encode(self, x: Tensor) -> DenseCodes:
        logit, mu, _ = self.posterior(x)
        return DenseCodes(torch.where(logit > 0, mu, 0.0), torch.sigmoid(logit))

    def decode(self, codes: Codes) -> Tensor:
        return self.decoder.mean(codes.dense())

    def elbo(self, x: Tensor) -> Tensor:
        logit, mu, log_variance = self.posterior(x)
        z = hard_spike(logit) * sample_gaussian(mu, log_variance)
        slab, spike = spike_slab_kl(logit, mu, log_variance, self.config.alpha)
        return self.decoder.log_density(x, z) - (slab + spike).sum(-1)

    def log_likelihood(self, x: Tensor, n_samples: int) -> Tensor:
        logit, mu, log_variance = (p.expand(n_samples, *p.shape) for p in self.posterior(x))
        spike = hard_spike(logit)
        z = spike * sample_gaussian(mu, log_variance)
        on = math.log(self.config.alpha) - F.logsigmoid(logit) + gaussian_log_ratio(z, mu, log_variance)
        off = math.log1p(-self.config.alpha) - F.logsigmoid(-logit)
        log_ratio = torch.where(spike > 0, on, off).sum(-1)
        return importance_bound(self.decoder.log_density(x, z) + log_ratio)
