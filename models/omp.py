"""OMP-SAE: orthogonal matching pursuit as the encoder of a tied dictionary (Pati et al. 1993).

Orthogonal matching pursuit of x - b selects a set S of k atoms. v = argmin_v ||x - b - v D_S||^2, x_hat = v D_S + b.
Minimises the squared error. At the least-squares solution the error is stationary in v, so that its gradient in the
atoms and in b is exact with v held fixed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.base import Losses, SparseCodes
from models.parts.dictionary import TiedModel, TrainedKSparseConfig
from models.parts.errors import squared_error
from models.parts.orthogonal_pursuit import orthogonal_pursue, use_gram_orthogonally
from models.parts.pursuit import gram_matrix
from models.parts.sparse import Selection


class OMP(TiedModel[TrainedKSparseConfig]):
    """Orthogonal-matching-pursuit sparse autoencoder; coefficients may have either sign."""

    Config = TrainedKSparseConfig
    capturable = True

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        with torch.no_grad():
            by_gram = use_gram_orthogonally(x, self.config.n_latents, self.config.k)
            gram = gram_matrix(self.dictionary) if by_gram else None
            values, indices = orthogonal_pursue(x - self.bias, self.dictionary, self.config.k, gram)
        x_hat = self.reconstruct(values, Selection(indices, self.config.n_latents))
        sse = squared_error(x_hat, x)
        return Losses(sse, {"sse": sse})

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """Codes after k steps of orthogonal matching pursuit; never by the Gram matrix, for any batch."""
        values, indices = orthogonal_pursue(x - self.bias, self.dictionary, k)
        return SparseCodes(values, indices, self.config.n_latents)
