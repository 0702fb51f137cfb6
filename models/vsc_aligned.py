"""Class-aligned VSC: images of one class share their active units (Sangari Abiz et al. 2025, arXiv 2505.14476).

L = L_VSC + lambda L_JSD (Eq. 7), where L_JSD (Eq. 6) is the mean, over the classes with two images or more in the
batch, of the mean over same-class pairs of sum_j JSD(Bernoulli(gamma_j) || Bernoulli(gamma'_j)): the sum over units
bounds the joint divergence from above. Which pairs, and which mean over classes, is a choice.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from models.base import Losses
from models.spike_slab import bernoulli_jsd
from models.vsc import VSC, VSCConfig


class AlignedVSCConfig(VSCConfig):
    """Hyperparameters of class-aligned VSC: those of VSC, and the weight of the alignment."""

    alignment: float = Field(1.0, ge=0, description="lambda of Eq. 7; the paper ablates 0, 0.1, 1, 10")


class AlignedVSC(VSC):
    """VSC with the class-alignment penalty; the only model here that sees labels in training."""

    Config: ClassVar[type[AlignedVSCConfig]] = AlignedVSCConfig

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        posterior = self.posterior(x)
        total, terms = self.relaxed_bound(x, posterior, progress)
        penalty = alignment_loss(posterior[0], labels)
        return Losses(total + self.config.alignment * penalty, terms | {"alignment": penalty})


def alignment_loss(logit: Tensor, labels: Tensor) -> Tensor:
    """Eq. 6 in nats: spike logits (B, M) and labels (B,) -> scalar; 0 where no class has two images."""
    same = torch.triu(labels[:, None] == labels[None, :], diagonal=1)
    first, second = same.nonzero(as_tuple=True)
    if len(first) == 0:
        return logit.sum() * 0.0
    per_pair = bernoulli_jsd(logit[first], logit[second]).sum(-1)
    _, pair_class, pairs_of_class = labels[first].unique(return_inverse=True, return_counts=True)
    per_class = per_pair.new_zeros(len(pairs_of_class)).index_add_(0, pair_class, per_pair) / pairs_of_class
    loss: Tensor = per_class.mean()
    return loss
