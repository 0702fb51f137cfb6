"""MP-SAE: matching pursuit as the encoder of a tied dictionary (Costa et al. 2025, arXiv 2506.03093, 2506.05239).

r_0 = x - b; k times: j = argmax_j D_j . r, z_j += max(0, D_j . r), r <- r - z_j D_j. Then x_hat = z D + b, ||D_j|| = 1.
Minimises the squared error ||r_k||^2; gradients flow through every step but the argmax. The released code's atom
dropout in the first epoch is left out [choice].
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from models.base import Losses, SparseCodes
from models.dictionary import DictionaryModel, TrainedKSparseConfig
from models.pursuit import pursuit, use_gram


class MatchingPursuit(DictionaryModel):
    """Matching-pursuit sparse autoencoder; an atom may be selected again, so L0 is at most k."""

    Config: ClassVar[type[TrainedKSparseConfig]] = TrainedKSparseConfig

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        by_gram = use_gram(len(x), self.config.n_latents, self.config.k)
        values, selection = pursuit(x, self.bias, self.dictionary, self.config.k, by_gram)
        sse = (x - self.reconstruct(values, selection)).square().sum(1).mean()
        return Losses(sse, {"sse": sse})

    def encode(self, x: Tensor) -> SparseCodes:
        # One way whatever the batch: the two round differently, and codes must not depend on their neighbours.
        values, selection = pursuit(x, self.bias, self.dictionary, self.config.k, by_gram=False)
        return SparseCodes(values, selection.indices, self.config.n_latents)
