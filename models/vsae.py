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
from models.parts.centred_linear import centred_linear
from models.parts.dictionary import TrainedKSparseConfig
from models.parts.errors import squared_error
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.noisy_topk import NoisyTopK, noisy_top_k
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
        code = self._noisy_code(x)
        x_hat = self.reconstruct(code.values, Selection(code.indices, self.config.n_latents))
        sse = squared_error(x_hat, x)
        kl = code.kl.mean()
        beta = self.config.beta * warmup(progress, self.config.beta_warmup)
        return Losses(sse + beta * kl, {"sse": sse, "kl": kl})

    def _noisy_code(self, x: Tensor) -> NoisyTopK:
        """The noisy code of x (N, D) and its KL to N(0, I)."""
        pre, log_variance = self.preactivations(x), None
        if self.config.variance == "learned":
            log_variance = centred_linear(x, self.log_variance.weight, self.log_variance.bias, self.bias)
        noise = None if self.config.variance == "none" else torch.randn_like(pre)
        return noisy_top_k(pre, log_variance, noise, self.config.k)

    def posterior_mean(self, x: Tensor) -> Tensor:
        return self.preactivations(x).relu()

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)

    def sample(self, x: Tensor) -> SparseCodes:
        """Codes of x (N, D) with the noise of training."""
        code = self._noisy_code(x)
        return SparseCodes(code.values, code.indices, self.config.n_latents)
