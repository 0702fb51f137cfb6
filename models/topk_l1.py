"""TopK SAE with an l1 penalty on unselected activations (Jacquier et al. 2026, arXiv 2606.27321).

Adds lambda mean_x sum_{j in A, not in S(x)} a_j(x) to the TopK loss, where S(x) is the set of selected units and A the
set of batch-active units. The paper's lambda and normalisation are not known: the sum and the weight are choices.
"""

from __future__ import annotations

from torch import Tensor

from models.base import Losses, SparseCodes
from models.parts.activation_sums import ActivationSums
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.penalised_topk import PenalisedTopKConfig, penalised_loss


class TopKL1(LinearEncoderModel[PenalisedTopKConfig]):
    """TopK sparse autoencoder with a penalty that pushes unselected activations to zero."""

    Config = PenalisedTopKConfig
    capturable = True

    def penalty(self, sums: ActivationSums) -> Tensor:
        """Sum of each sample's activations that are not selected, (N,)."""
        return sums.l1 - sums.selected.sum(1)

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        return penalised_loss(self, x, self.penalty)

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)
