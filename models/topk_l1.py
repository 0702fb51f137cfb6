"""TopK with an l1 penalty off its support (Jacquier et al. 2026, arXiv 2606.27321).

Adds lambda mean_x sum_{j in A, not in S(x)} a_j(x) to the TopK loss: S(x) the selected units, A the batch-active ones.
The paper's lambda and normalisation are not known: the sum, and the weight, are choices.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from models.parts.penalised_topk import PenalisedTopK, PenalisedTopKConfig
from models.parts.sparse import Selection


class TopKL1(PenalisedTopK):
    """TopK sparse autoencoder whose unselected activations are pushed to zero."""

    Config: ClassVar[type[PenalisedTopKConfig]] = PenalisedTopKConfig

    def penalty(self, activations: Tensor, selection: Selection) -> Tensor:
        return activations.sum(1) - activations.gather(1, selection.indices).sum(1)
