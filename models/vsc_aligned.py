"""Class-aligned VSC: images of one class share their active units (Sangari Abiz et al. 2025, arXiv 2505.14476).

L = L_VSC + lambda L_JSD (Eq. 7). L_JSD is the mean, over the classes with two images or more in the batch, of
`pairwise`: the mean over same-class pairs of sum_j JSD(Bernoulli(gamma_j) || Bernoulli(gamma'_j)) (Eq. 6; which pairs,
and which mean over classes, is a choice); or `batch`: sum_j of the Jensen-Shannon divergence of all the class's
gammas at once, h(mean gamma_j) - mean h(gamma_j), of cost linear in the batch [choice]. One lambda means different
things to the two. Summing over units bounds the joint divergence from above.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from models.base import Losses
from models.parts.spike_slab import bernoulli_entropy, bernoulli_jsd, mixture_entropy
from models.vsc import VSC, VSCConfig


class AlignedVSCConfig(VSCConfig):
    """Hyperparameters of class-aligned VSC: those of VSC, and the alignment."""

    batch_size: int = Field(32, ge=2, description="Images per optimiser step; at least a pair [VSC, ICLR 2019]")
    alignment: Literal["pairwise", "batch"] = Field("pairwise", description="Divergence within a class [Eq. 6]")
    alignment_weight: float = Field(1.0, ge=0, description="lambda of Eq. 7; the paper ablates 0, 0.1, 1, 10")


class AlignedVSC(VSC):
    """VSC with the class-alignment penalty; the only model here that sees labels in training."""

    Config = AlignedVSCConfig

    config: AlignedVSCConfig
    """The hyperparameters, those of the alignment included."""

    def prepare(self, x: Tensor, labels: Tensor) -> None:
        """Check that the labels (N,) form what the penalty compares; ValueError where they do not."""
        super().prepare(x, labels)
        classes, counts = labels[labels >= 0].unique(return_counts=True)
        if len(classes) == 0:
            raise ValueError(
                f"labels: none of the {len(x)} training images has a class (a label >= 0), so that no same-class pair "
                "can be formed; use vsc, or a data set with labels"
            )
        if len(classes) == 1:
            raise ValueError(
                f"labels: all labelled training images are of class {classes.item()}, so that pairs can be formed "
                "within it only and alignment would give every image one code; use vsc, or two classes and more"
            )
        if counts.max() < 2:
            raise ValueError(
                f"labels: each of the classes {classes.tolist()[:10]} has a single training image, so that no "
                "same-class pair can be formed; use vsc, or two images and more of a class"
            )

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        posterior = self.posterior(x)
        total, terms = self.relaxed_bound(x, posterior, progress)
        penalty = alignment_loss(posterior.logit, labels, self.config.alignment)
        return Losses(total + self.config.alignment_weight * penalty, terms | {"alignment": penalty})


def alignment_loss(logit: Tensor, labels: Tensor, alignment: Literal["pairwise", "batch"]) -> Tensor:
    """L_JSD in nats: spike logits (B, M) and labels (B,), negative where there is none -> scalar.

    0 where no class has two images.
    """
    return _batch_jsd(logit, labels) if alignment == "batch" else _pairwise_jsd(logit, labels)


def _pairwise_jsd(logit: Tensor, labels: Tensor) -> Tensor:
    same = torch.triu((labels[:, None] == labels[None, :]) & (labels >= 0), diagonal=1)
    first, second = same.nonzero(as_tuple=True)
    per_pair = bernoulli_jsd(logit[first], logit[second]).sum(-1)
    _, pair_class, pairs_of_class = labels[first].unique(return_inverse=True, return_counts=True)
    per_class = per_pair.new_zeros(len(pairs_of_class)).index_add(0, pair_class, per_pair) / pairs_of_class
    loss: Tensor = per_class.sum() / max(1, len(per_class))
    return loss


def _batch_jsd(logit: Tensor, labels: Tensor) -> Tensor:
    labelled = logit[labels >= 0]
    _, image_class, sizes = labels[labels >= 0].unique(return_inverse=True, return_counts=True)

    def class_means(values: Tensor) -> Tensor:
        sums = values.new_zeros(len(sizes), values.shape[1]).index_add(0, image_class, values)
        means: Tensor = sums / sizes[:, None]
        return means

    on, off = class_means(torch.sigmoid(labelled)), class_means(torch.sigmoid(-labelled))
    per_class = (mixture_entropy(on, off) - class_means(bernoulli_entropy(labelled))).sum(-1)
    several = sizes > 1
    loss: Tensor = per_class[several].sum() / max(1, int(several.sum()))
    return loss
