"""What is left of a network's predictions if one of its layers returns the model's reconstruction in place of its own?

Each share is of what the layer is worth: 1 for the layer's own output, 0 for what stands for no output at all, the
same for every input: zeros, or the layer's mean over the training samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from metrics.base import NotApplicable, metric

SAEBENCH = "Karvonen et al. 2025 (2503.09532), SAEBench, loss recovered"
"""Source of the share against zero ablation."""

OF_MEAN = "as SAEBench's loss recovered, with the mean in place of zeros"
"""Source of the share against mean ablation."""

OF_HITS = "as SAEBench's loss recovered, with accuracy in place of cross-entropy"
"""Source of the share of the accuracy."""

NO_TOKENS = NotApplicable("the network predicts no next token")
"""Why there is no cross-entropy."""

NO_CLASSES = NotApplicable("the network predicts none of the classes of the samples")
"""Why there is no accuracy."""


@metric(label="downstream CE", direction="min", unit="nats", range="[0, inf)", source=SAEBENCH)
def downstream_ce(downstream: Any) -> dict[str, float] | NotApplicable:
    """Cross-entropy of a language model's next tokens, a token, with the layer's output reconstructed.

    Beside it, with the original output, with zeros, and with the training mean at every place. n/a for a network that
    predicts no next token.
    """
    return _means(downstream.losses) or NO_TOKENS


@metric(label="CE recovered", direction="max", range="(-inf, inf)", source=SAEBENCH, headline=True, against="l0")
def downstream_ce_recovered(downstream: Any) -> float | NotApplicable:
    """Share of the cross-entropy that zeros in the layer's place add, and its reconstruction does not.

    (zero - reconstructed) / (zero - original). n/a for a network that predicts no next token, or better with zeros.
    """
    return _share(downstream.losses, "zero") if downstream.losses else NO_TOKENS


@metric(
    label="CE recovered of mean",
    direction="max",
    range="(-inf, inf)",
    source=OF_MEAN,
    against="l0",
)
def downstream_ce_recovered_from_mean(downstream: Any) -> float | NotApplicable:
    """The same against the layer's training mean at every place: (mean - reconstructed) / (mean - original)."""
    return _share(downstream.losses, "mean") if downstream.losses else NO_TOKENS


@metric(label="downstream KL", direction="min", unit="nats", range="[0, inf)", source=SAEBENCH, against="l0")
def downstream_kl(downstream: Any) -> float:
    """KL divergence of the predictions with the reconstruction from the original ones, mean over tokens or samples."""
    return float(downstream.divergences.mean())


@metric(label="downstream accuracy", direction="max", range="[0, 1]", source="definition")
def downstream_accuracy(downstream: Any) -> dict[str, float] | NotApplicable:
    """Accuracy of a classifier with the layer's output reconstructed.

    Beside it, with the original output, with zeros, and with the training mean at every place. n/a without labels, or
    for a network that does not predict these classes.
    """
    return _means(downstream.hits) or NO_CLASSES


@metric(label="accuracy kept", direction="max", range="(-inf, inf)", source=OF_HITS, headline=True, against="l0")
def downstream_accuracy_kept(downstream: Any) -> float | NotApplicable:
    """Share of the accuracy that zeros in the layer's place cost, and its reconstruction keeps.

    (reconstructed - zero) / (original - zero). n/a without labels, for a network that does not predict these classes,
    or one that does as well with zeros.
    """
    errors = {name: 1 - hits.double() for name, hits in downstream.hits.items()}
    return _share(errors, "zero") if errors else NO_CLASSES


def _means(values: Mapping[str, Tensor]) -> dict[str, float]:
    """The mean with the reconstruction as the metric itself, the others by name."""
    return {name.removeprefix("reconstructed"): float(each.double().mean()) for name, each in values.items()}


def _share(losses: Mapping[str, Tensor], without: str) -> float | NotApplicable:
    """How much of the loss that an ablation adds a reconstruction does not."""
    original, reconstructed, ablated = (float(losses[name].mean()) for name in ("original", "reconstructed", without))
    if ablated <= original:
        return NotApplicable("the network does as well without the layer's output")
    return (ablated - reconstructed) / (ablated - original)
