"""TopK SAE: keep the k largest pre-activations (Gao et al. 2024, arXiv 2406.04093).

z = TopK(ReLU(W (x - b) + b_enc)), x_hat = z D + b with unit-norm atoms D. Minimises the squared error
divided by the data's variance, plus AuxK.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.base import Losses, SparseCodes
from models.parts.auxk import AuxKConfig
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.sparse import Selection


class TopKConfig(AuxKConfig):
    """Hyperparameters of the TopK SAE."""


class TopK(LinearEncoderModel[TopKConfig]):
    """TopK sparse autoencoder with AuxK, an encoder initialised to the atoms, and projected gradients."""

    Config = TopKConfig
    capturable = True

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        with torch.no_grad():
            values, indices = self.largest(x, self.config.k)
        selection = Selection(indices, self.config.n_latents)
        values = self.selected_activations(x, values, selection)
        residual = x - self.reconstruct(values, selection)
        fvu = residual.square().sum(1).mean() / self.variance
        return self.auxk.losses(self, x, values, selection, fvu, residual)

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)
