"""TopK SAE: keep the k largest pre-activations (Gao et al. 2024, arXiv 2406.04093).

z = TopK(ReLU(W (x - b) + b_enc)), x_hat = z D + b with unit-norm atoms D. Minimises the squared error
divided by the data's variance, plus AuxK.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

from models.base import Losses, SparseCodes
from models.parts.auxk import AuxKConfig
from models.parts.errors import squared_error
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.sparse import Selection

TopKT = TypeVar("TopKT", bound=AuxKConfig)
"""The type of the config of a model that has TopK's loss."""


class TopKConfig(AuxKConfig):
    """Hyperparameters of the TopK SAE."""


class TopK(LinearEncoderModel[TopKConfig]):
    """TopK sparse autoencoder with AuxK, an encoder initialised to the atoms, and projected gradients."""

    Config = TopKConfig
    capturable = True

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        return topk_loss(self, x)

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)


def topk_loss(model: LinearEncoderModel[TopKT], x: Tensor) -> Losses:
    """The squared error of a batch x (B, D), divided by the data's variance, plus AuxK."""
    with torch.no_grad():
        values, indices = model.largest(x, model.config.k)
    selection = Selection(indices, model.config.n_latents)
    values = model.selected_activations(x, values, selection)
    x_hat = model.reconstruct(values, selection)
    fvu = squared_error(x_hat, x) / model.variance
    return model.auxk.losses(model, x, values, selection, fvu, x - x_hat)
