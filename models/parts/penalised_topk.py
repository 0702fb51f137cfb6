"""TopK with a penalty on the activations before the selection (Jacquier et al. 2026, arXiv 2606.27321).

a = ReLU(W (x - b) + b_enc); the penalty sees a on the batch-active units, A: those that the selection keeps, above
zero, for at least one sample of the batch. Which they are is a mask without gradient; without it, units that nobody
uses are pushed down for ever and die.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from models.base import Losses
from models.parts.largest import top_k
from models.parts.sparse import Selection
from models.topk import TopK, TopKConfig


class PenalisedTopKConfig(TopKConfig):
    """Hyperparameters of the TopK SAE and of its penalty."""

    penalty_weight: float = Field(1e-3, ge=0, description="lambda [choice]")
    mask: bool = Field(True, description="Penalise only units that the batch selects; the paper ablates it")


class PenalisedTopK(TopK):
    """What the penalised TopK SAEs share."""

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        pre = self.preactivations(x)
        selection = Selection(top_k(pre.detach(), self.config.k)[1], self.config.n_latents)
        activations = pre.relu()
        values = activations.gather(1, selection.indices)
        total, terms = self.autoencode(x, values, selection)
        seen = activations * (selection.sum_by_unit(values.detach()) > 0) if self.config.mask else activations
        penalty = self.penalty(seen, selection).mean()
        return Losses(total + self.config.penalty_weight * penalty, terms | {"penalty": penalty})

    def penalty(self, activations: Tensor, selection: Selection) -> Tensor:
        """Penalty of each sample (N,) on activations (N, M) >= 0, with a mask zero outside A."""
        raise NotImplementedError(f"{type(self).__name__} defines no penalty()")
