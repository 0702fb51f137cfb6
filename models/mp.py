"""MP-SAE: matching pursuit as the encoder of a tied dictionary (Costa et al. 2025, arXiv 2506.03093, 2506.05239).

r_0 = x - b; k times: j = argmax_j D_j . r, z_j += max(0, D_j . r), r <- r - z_j D_j. Then x_hat = z D + b, ||D_j|| = 1.
Minimises the squared error ||r_k||^2; gradients flow through every step but the argmax. The released code's atom
dropout in the first epoch is left out [choice].
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from models.base import Losses, SparseCodes
from models.parts.dictionary import TiedModel, TrainedKSparseConfig
from models.parts.pursuit import Choice, pursuit, use_gram


class MatchingPursuitConfig(TrainedKSparseConfig):
    """Hyperparameters of MP-SAE."""

    selection: Choice = Field(
        "nonnegative",
        description="Atom of the largest D_j . r, kept >= 0 [2506.05239, code] or signed, or of the largest |D_j . r|",
    )
    threshold: float = Field(
        0.0, ge=0, description="An image is finished when ||r|| is not above this; 0: after k steps [2506.03093]"
    )


class MatchingPursuit(TiedModel[MatchingPursuitConfig]):
    """Matching-pursuit sparse autoencoder; an atom may be selected again, so L0 is at most k."""

    Config = MatchingPursuitConfig

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        config = self.config
        by_gram = use_gram(len(x), config.n_latents, config.k)
        values, selection = pursuit(
            x, self.bias, self.dictionary, config.k, by_gram, config.selection, config.threshold
        )
        sse = (x - self.reconstruct(values, selection)).square().sum(1).mean()
        return Losses(sse, {"sse": sse})

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """At most k steps of pursuit: the first steps of a longer one are those of a shorter."""
        # One way whatever the batch: the two round differently, which must not depend on how many samples there are.
        config = self.config
        values, selection = pursuit(
            x, self.bias, self.dictionary, k, False, choice=config.selection, threshold=config.threshold
        )
        return SparseCodes(values, selection.indices, config.n_latents)
