"""TopK SAE with an l1 / l2 penalty on its activations (Jacquier et al. 2026, arXiv 2606.27321).

Adds lambda mean_x ||a_A(x)||_1 / ||a_A(x)||_2 to the TopK loss, where A is the set of batch-active units. The ratio is
scale-invariant and lies between 1 (one active unit) and sqrt(|A|). The paper's lambda is not known: the weight is a
choice.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from models.base import Losses, SparseCodes
from models.parts.activation_sums import ActivationSums
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.penalised_topk import PenalisedTopKConfig, penalised_loss


class TopKHoyerConfig(PenalisedTopKConfig):
    """Hyperparameters of the TopK SAE and of its penalty."""

    penalty_weight: float = Field(1e-2, ge=0, description="lambda [choice]")


class TopKHoyer(LinearEncoderModel[TopKHoyerConfig]):
    """TopK sparse autoencoder with a penalty that concentrates the activations on few units."""

    Config = TopKHoyerConfig
    capturable = True

    def penalty(self, sums: ActivationSums) -> Tensor:
        """Ratio of the l1 norm to the l2 norm of each sample's activations, (N,)."""
        return sums.l1 / sums.squares.clamp_min(1e-16).sqrt()

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        return penalised_loss(self, x, self.penalty)

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)
