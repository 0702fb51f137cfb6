"""The selection of BatchTopK: the largest of a batch in training, those above a learned threshold afterwards."""

from __future__ import annotations

import torch
from torch import Tensor

from models.base import SparseCodes
from models.parts.largest import top_k
from models.parts.sparse import Selection, pack, sparse_codes

NO_BATCH_YET = -1.0
"""The threshold at the start: below zero, where none can be."""


def largest_of_batch(pre: Tensor, k: int, threshold: Tensor, rate: float) -> tuple[Tensor, Selection]:
    """The k N largest of all pre-activations (N, M) that are above zero, as packed rows.

    `threshold` () moves in place by `rate` towards the smallest that is kept; the first batch sets it.
    """
    n_samples, n_latents = pre.shape
    values, entries = top_k(pre.reshape(1, -1), k * n_samples)
    kept = ~(values[0] <= 0)  # NaN passes, and is noticed in the loss
    values, entries = values[0, kept], entries[0, kept]
    if len(values):
        threshold.lerp_(values.min(), rate if threshold >= 0 else 1.0)
    return pack(values, entries // n_latents, entries % n_latents, n_samples, n_latents)


def above_threshold(pre: Tensor, threshold: Tensor) -> SparseCodes:
    """The pre-activations (N, M) above the threshold and above zero; a row does not depend on the others."""
    return sparse_codes(torch.where(pre <= threshold.clamp_min(0), 0.0, pre))
