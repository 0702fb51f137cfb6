"""TopK with an l1 penalty off its support (Jacquier et al. 2026, arXiv 2606.27321).

Adds lambda mean_x sum_{j in A, not in S(x)} a_j(x) to the TopK loss: S(x) the selected units, A the batch-active ones.
The paper's lambda and normalisation are not known: the sum, and the weight, are choices.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from models.penalised_topk import PenalisedTopK
from models.sparse import Selection
from models.topk import TopKConfig


class TopKL1Config(TopKConfig):
    """Hyperparameters of the TopK SAE and the weight of its penalty."""

    penalty_weight: float = Field(1e-3, ge=0, description="lambda [choice]")


class TopKL1(PenalisedTopK):
    """TopK sparse autoencoder whose unselected activations are pushed to zero."""

    Config: ClassVar[type[TopKL1Config]] = TopKL1Config

    def penalty(self, activations: Tensor, selection: Selection) -> Tensor:
        return activations.sum(1) - activations.gather(1, selection.indices).sum(1)
