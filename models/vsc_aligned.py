"""Class-aligned VSC: images of one class share their active units (Sangari Abiz et al. 2025, arXiv 2505.14476).

L = L_VSC + lambda L_JSD (Eq. 7). L_JSD is a mean over the classes that have at least two images in the batch. There are
two forms for a class. `pairwise`: the mean over its pairs of images of sum_j JSD(Bernoulli(gamma_j) ||
Bernoulli(gamma'_j)) (Eq. 6; the set of pairs and the mean over classes are choices). `batch`: the Jensen-Shannon
divergence of all gammas of the class at once, sum_j [h(mean gamma_j) - mean h(gamma_j)], whose cost is linear in the
batch [choice]. The same lambda has a different effect in the two forms. The sum over units is an upper bound on the
joint divergence.

The classes are those of the data, or, for data without labels, clusters (the paper's future work): `kmeans_inputs`,
k-means of the training inputs; `kmeans_gamma`, k-means of gamma, which starts from the untrained encoder and whose
centres follow the gamma of every batch; a cluster that empties begins anew, far from all centres.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from torch import Tensor

from models.base import DoesNotApplyError, Losses
from models.parts.clusters import MAX_FITTED, Clusters
from models.parts.pairwise_jsd import pairwise_jsd
from models.parts.samples import spread
from models.parts.spike_slab import SpikeSlab, bernoulli_entropy, mixture_entropy
from models.vsc import VSC, VSCConfig


class AlignedVSCConfig(VSCConfig):
    """Hyperparameters of class-aligned VSC: those of VSC, and those of the alignment."""

    batch_size: int = Field(32, ge=2, description="Images per optimiser step; at least a pair [VSC, ICLR 2019]")
    alignment: Literal["pairwise", "batch"] = Field("pairwise", description="Divergence within a class [Eq. 6]")
    alignment_weight: float = Field(1.0, ge=0, description="lambda of Eq. 7; the paper ablates 0, 0.1, 1, 10")
    labels: Literal["given", "kmeans_inputs", "kmeans_gamma"] = Field(
        "given", description="Classes: the data's, or clusters of the inputs or of gamma [future work of 2505.14476]"
    )
    n_clusters: int = Field(10, ge=2, description="kmeans: clusters; as many as MNIST has classes [choice]")

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The fields, but those that came later where they are at their default: older runs keep their ids."""
        fields = type(self).model_fields
        values: Mapping[str, Any] = write(self)
        return {k: v for k, v in values.items() if k not in ("labels", "n_clusters") or v != fields[k].default}


class AlignedVSC(VSC):
    """VSC with the class-alignment penalty; the only model here that uses labels in training."""

    Config: ClassVar[type[AlignedVSCConfig]] = AlignedVSCConfig
    capturable = True

    config: AlignedVSCConfig
    """The hyperparameters, including those of the alignment."""

    def __init__(self, config: AlignedVSCConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        width = n_features if config.labels == "kmeans_inputs" else config.n_latents
        self.clusters = None if config.labels == "given" else Clusters(config.n_clusters, width)

    def prepare(self, x: Tensor, labels: Tensor) -> None:
        """Fit the clusters, if labels are not given.

        Raises DoesNotApplyError if those that are give the penalty no images to compare.
        """
        super().prepare(x, labels)
        if self.clusters is None:
            _require_pairs(labels)
        else:
            some = spread(x, MAX_FITTED)
            self.clusters.fit(self._clustered(some, self.posterior(some)))

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        posterior = self.posterior(x)
        total, terms = self.relaxed_bound(x, posterior, progress)
        if self.clusters is not None:
            features = self._clustered(x, posterior)
            labels = self.clusters.of(features)
            if self.training and self.config.labels == "kmeans_gamma":
                self.clusters.follow(features)
        penalty = alignment_loss(posterior.logit, labels, self.config.alignment)
        return Losses(total + self.config.alignment_weight * penalty, terms | {"alignment": penalty})

    def pseudo_labels(self, x: Tensor) -> Tensor | None:
        """The cluster of each of x (N, D), (N,) int64; None where labels are given."""
        return None if self.clusters is None else self.clusters.of(self._clustered(x, self.posterior(x)))

    def _clustered(self, x: Tensor, posterior: SpikeSlab) -> Tensor:
        """What is clustered of x (B, D): itself, or its gamma (B, M)."""
        return x if self.config.labels == "kmeans_inputs" else torch.sigmoid(posterior.logit.detach())


def _require_pairs(labels: Tensor) -> None:
    """DoesNotApplyError where labels (N,) give the penalty no images to compare."""
    classes, counts = labels[labels >= 0].unique(return_counts=True)
    if len(classes) == 0:
        raise DoesNotApplyError(
            f"labels: none of the {len(labels)} training images has a class (a label >= 0), so no same-class pair "
            "can be formed; use vsc, labels=kmeans_inputs, or a data set with labels"
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


def alignment_loss(logit: Tensor, labels: Tensor, alignment: Literal["pairwise", "batch"]) -> Tensor:
    """L_JSD in nats, a scalar, from spike logits (B, M) and labels (B,), negative for unlabelled images.

    0 if no class has two images.
    """
    return _batch_jsd(logit, labels) if alignment == "batch" else _pairwise_jsd(logit, labels)


def _pairwise_jsd(logit: Tensor, labels: Tensor) -> Tensor:
    same, sizes, share = _classes_of(labels, logit.dtype)
    weight = torch.where(same, (share * 2 / (sizes - 1).clamp_min(1))[:, None], 0.0)
    return pairwise_jsd(logit, weight.fill_diagonal_(0))


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
