"""Class-aligned VSC: images of one class share their active units (Sangari Abiz et al. 2025, arXiv 2505.14476).

L = L_VSC + lambda L_JSD (Eq. 7). L_JSD is a mean over the classes that have at least two images in the batch. There are
two forms for a class. `pairwise`: the mean over its pairs of images of sum_j JSD(Bernoulli(gamma_j) ||
Bernoulli(gamma'_j)) (Eq. 6; the set of pairs and the mean over classes are choices). `batch`: the Jensen-Shannon
divergence of all gammas of the class at once, sum_j [h(mean gamma_j) - mean h(gamma_j)], whose cost is linear in the
batch [choice]. The same lambda has a different effect in the two forms. The sum over units is an upper bound on the
joint divergence.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from models.base import DoesNotApplyError, Losses
from models.parts.hardware import may_wait
from models.parts.spike_slab import bernoulli_entropy, bernoulli_jsd, mixture_entropy
from models.vsc import VSC, VSCConfig


class AlignedVSCConfig(VSCConfig):
    """Hyperparameters of class-aligned VSC: those of VSC, and those of the alignment."""

    batch_size: int = Field(32, ge=2, description="Images per optimiser step; at least a pair [VSC, ICLR 2019]")
    alignment: Literal["pairwise", "batch"] = Field("pairwise", description="Divergence within a class [Eq. 6]")
    alignment_weight: float = Field(1.0, ge=0, description="lambda of Eq. 7; the paper ablates 0, 0.1, 1, 10")


class AlignedVSC(VSC):
    """VSC with the class-alignment penalty; the only model here that uses labels in training."""

    Config = AlignedVSCConfig
    capturable = True

    config: AlignedVSCConfig
    """The hyperparameters, including those of the alignment."""

    def prepare(self, x: Tensor, labels: Tensor) -> None:
        """Raise DoesNotApplyError if the labels (N,) give the penalty no images to compare."""
        super().prepare(x, labels)
        classes, counts = labels[labels >= 0].unique(return_counts=True)
        if len(classes) == 0:
            raise DoesNotApplyError(
                f"labels: none of the {len(x)} training images has a class (a label >= 0), so no same-class pair "
                "can be formed; use vsc, or a data set with labels"
            )
        if len(classes) == 1:
            raise DoesNotApplyError(
                f"labels: all labelled training images are of class {classes.item()}, so alignment would give every "
                "image the same code; use vsc, or a data set with at least two classes"
            )
        if counts.max() < 2:
            raise DoesNotApplyError(
                f"labels: each of the classes {classes.tolist()[:10]} has a single training image, so no "
                "same-class pair can be formed; use vsc, or a data set with at least two images of a class"
            )

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        posterior = self.posterior(x)
        total, terms = self.relaxed_bound(x, posterior, progress)
        penalty = alignment_loss(posterior.logit, labels, self.config.alignment)
        return Losses(total + self.config.alignment_weight * penalty, terms | {"alignment": penalty})


def alignment_loss(logit: Tensor, labels: Tensor, alignment: Literal["pairwise", "batch"]) -> Tensor:
    """L_JSD in nats, a scalar, from spike logits (B, M) and labels (B,), negative for unlabelled images.

    0 if no class has two images.
    """
    return _batch_jsd(logit, labels) if alignment == "batch" else _pairwise_jsd(logit, labels)


def _pairwise_jsd(logit: Tensor, labels: Tensor) -> Tensor:
    same, sizes, share = _classes_of(labels, logit.dtype)
    if may_wait(logit):
        first, second = torch.triu(same, diagonal=1).nonzero(as_tuple=True)
    else:  # all pairs, most of them with the weight 0
        first, second = torch.triu_indices(len(labels), len(labels), 1, device=logit.device)
    weight = torch.where(same[first, second], share[first] * 2 / (sizes[first] - 1).clamp_min(1), 0.0)
    return weight @ bernoulli_jsd(logit[first], logit[second]).sum(-1)


def _batch_jsd(logit: Tensor, labels: Tensor) -> Tensor:
    same, sizes, share = _classes_of(labels, logit.dtype)
    means = same.to(logit.dtype) / sizes.clamp_min(1)[:, None]
    on, off = means @ torch.sigmoid(logit), means @ torch.sigmoid(-logit)
    return share @ (mixture_entropy(on, off) - means @ bernoulli_entropy(logit)).sum(-1)


def _classes_of(labels: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Which images are of one class (B, B), the size of each image's class, and each image's share in the loss (B,).

    The shares of a class add up to 1 over the number of classes that have two images; no other image has a share.
    """
    same = (labels[:, None] == labels[None, :]) & (labels >= 0)
    sizes = same.sum(1)
    of_class = torch.where(sizes > 1, 1 / sizes.to(dtype), 0.0)
    return same, sizes, of_class / of_class.sum().round().clamp_min(1)
