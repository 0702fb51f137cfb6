"""TopK SAE: keep the k largest pre-activations (Gao et al. 2024, arXiv 2406.04093).

z = TopK(ReLU(W (x - b) + b_enc)), x_hat = z D + b with unit-norm atoms D. Minimises the squared error over the
data's variance, plus AuxK.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from models.base import Losses, SparseCodes
from models.parts.auxk import MIN_SILENT_BATCHES, AuxK, AuxKConfig
from models.parts.dictionary import LinearEncoderModel, TrainedKSparseConfig
from models.parts.largest import top_k_linear
from models.parts.sparse import Selection, selected_preactivations


class TopKConfig(AuxKConfig, TrainedKSparseConfig):
    """Hyperparameters of the TopK SAE."""


class TopK(LinearEncoderModel):
    """TopK sparse autoencoder with AuxK, an encoder initialised to the atoms, and projected gradients."""

    Config: ClassVar[type[TopKConfig]] = TopKConfig
    variance: Tensor

    def __init__(self, config: Any, n_features: int) -> None:
        super().__init__(config, n_features)
        self.auxk = AuxK(config.n_latents, config.auxk)
        self.register_buffer("variance", torch.ones(()))

    @torch.no_grad()
    def prepare(self, x: Tensor, labels: Tensor) -> None:
        super().prepare(x, labels)
        self.variance.copy_(x.var(0, correction=0).sum().clamp_min(1e-12))
        silence = self.config.dead_after_epochs * len(x)
        self.auxk.dead_after = max(silence, MIN_SILENT_BATCHES * self.config.batch_size)

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        with torch.no_grad():
            values, selection = self.select(x)
        values = selected_preactivations(x, self.encoder, self.encoder_bias, self.bias, values, selection).relu()
        return self.autoencode(x, values, selection)

    def select(self, x: Tensor) -> tuple[Tensor, Selection]:
        """The pre-activations that a training batch x (N, D) keeps, (N, k), and of which units."""
        values, indices = top_k_linear(x - self.bias, self.encoder, self.encoder_bias, self.config.k)
        return values, Selection(indices, self.config.n_latents)

    def autoencode(self, x: Tensor, values: Tensor, selection: Selection) -> Losses:
        """The loss of codes `values` (N, k) on the selected units: FVU of the batch, and AuxK."""
        error, residual = self.reconstruction_error(x, values, selection)
        auxiliary = self.auxk(self, x, residual.detach(), values.detach(), selection)
        return Losses(error + self.config.auxk_weight * auxiliary, {"fvu": error, "auxk": auxiliary})

    def reconstruction_error(self, x: Tensor, values: Tensor, selection: Selection) -> tuple[Tensor, Tensor]:
        """Squared error over the training data's variance, and the residual x - x_hat (N, D)."""
        residual = x - self.reconstruct(values, selection)
        return residual.square().sum(1).mean() / self.variance, residual

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)
