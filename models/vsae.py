"""Variational SAE: Gaussian latents sampled before the TopK selection (Baker & Li 2025, arXiv 2509.22994).

mu = ReLU(W (x - b) + b_enc), z = TopK(mu + sigma eps) by magnitude, x_hat = z D + b with unit-norm atoms D.
Minimises ||x - x_hat||^2 + beta(t) KL over all M units, where beta(t) rises over the first steps. The ReLU on mu is in
the released code, but not in the paper. Unit-norm atoms, the centring of the encoder's input and the unclamped KL term
are choices: they keep the model from evading the penalty by growing its atoms, and make it comparable with TopK.

A beta means nothing without the scale of the inputs: the error of s x is s^2 times that of x, so that with free atoms
beta on s x is beta / s^2 on x. The paper's beta of 1 is for activations of a language model. On raw pixels it switches
the model off (``beta=1`` is no better than the mean image on MNIST and digits). The default is the largest of 0.1,
0.03, 0.01 and 0.003 at which a linear probe reads MNIST's validation split as well as at the smallest (0.91; FVU 0.39).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.base import Losses, SparseCodes, warmup
from models.parts.dictionary import TrainedKSparseConfig
from models.parts.largest import top_k
from models.parts.likelihood import gaussian_kl, sample_gaussian
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.sparse import Selection


class VSAEConfig(TrainedKSparseConfig):
    """Hyperparameters of the variational SAE; the paper has no MNIST setting, so M, k and the budget are TopK's."""

    variance: Literal["learned", "unit", "none"] = Field(
        "learned", description="Posterior noise; unit: sigma = 1 as in the paper; none: as in the released checkpoints"
    )
    beta: float = Field(
        0.01,
        ge=0,
        description="Weight of the KL term, kl_coeff, on raw pixels of MNIST; 1 in the released code [choice]",
    )
    beta_warmup: float = Field(0.1, ge=0, le=1, description="Share of training over which beta rises [released code]")
    log_variance_init: float = Field(
        -2.0, ge=-6, le=2, description="Bias of the log-variance head at the start [released code]"
    )


class VSAE(LinearEncoderModel[VSAEConfig]):
    """Variational sparse autoencoder, evaluated without noise. With `variance: none` it is TopK + (beta / 2) L2."""

    Config = VSAEConfig
    capturable = True

    def __init__(self, config: VSAEConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        if config.variance == "learned":
            self.log_variance = nn.Linear(n_features, config.n_latents)
            nn.init.zeros_(self.log_variance.weight)
            nn.init.constant_(self.log_variance.bias, config.log_variance_init)

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        z, kl_per_unit = self._sample(self.preactivations(x).relu(), x)
        _, indices = top_k(z.detach().abs(), self.config.k)
        x_hat = self.reconstruct(z.gather(1, indices), Selection(indices, self.config.n_latents))
        sse = (x - x_hat).square().sum(1).mean()
        kl = kl_per_unit.sum(1).mean()
        beta = self.config.beta * warmup(progress, self.config.beta_warmup)
        return Losses(sse + beta * kl, {"sse": sse, "kl": kl})

    def _sample(self, mu: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The noisy code and its KL to N(0, I) per unit, (N, M) each; log-variance clamped as in the released code."""
        if self.config.variance == "none":
            return mu, 0.5 * mu.square()
        if self.config.variance == "unit":
            return mu + torch.randn_like(mu), 0.5 * mu.square()
        log_variance = self.log_variance(x - self.bias).clamp(-6, 2)
        return sample_gaussian(mu, log_variance), gaussian_kl(mu, log_variance)

    def posterior_mean(self, x: Tensor) -> Tensor:
        return self.preactivations(x).relu()

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)

    def sample(self, x: Tensor) -> SparseCodes:
        """Codes of x (N, D) with the noise of training."""
        z, _ = self._sample(self.preactivations(x).relu(), x)
        _, indices = top_k(z.abs(), self.config.k)
        return SparseCodes(z.gather(1, indices), indices, self.config.n_latents)
