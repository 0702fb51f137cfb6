"""TopK SAE with an L2 penalty on all activations: the loss of the released variational SAE, but for AuxK.

Adds lambda mean_x sum_j a_j(x)^2 / 2 to the TopK loss. Like the squared error, the penalty is divided by the data's
variance, so that lambda is the beta of the variational SAE (Baker & Li 2025, arXiv 2509.22994). By the account of its
authors, the released checkpoints were trained in this way, without noise; their AuxK weight is 0, so that `auxk: 0`
comes closest to them. Their atoms may grow, and evade the penalty; here atoms have unit norm.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from models.base import Losses, SparseCodes
from models.parts.activation_sums import ActivationSums
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.penalised_topk import PenalisedTopKConfig, penalised_loss


class TopKL2Config(PenalisedTopKConfig):
    """Hyperparameters of the TopK SAE and of its penalty."""

    penalty_weight: float = Field(1.0, ge=0, description="lambda, the variational SAE's beta [released code]")
    mask: bool = Field(False, description="Penalise only batch-active units; the released code penalises all")


class TopKL2(LinearEncoderModel[TopKL2Config]):
    """TopK sparse autoencoder with a penalty that keeps activations small."""

    Config = TopKL2Config
    capturable = True

    def penalty(self, sums: ActivationSums) -> Tensor:
        """Half the sum of each sample's squared activations, divided by the data's variance, (N,)."""
        return 0.5 * sums.squares / self.variance

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        return penalised_loss(self, x, self.penalty)

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)
