"""The BatchTopK selection: the largest values of a batch in training, those above a threshold at inference."""

from __future__ import annotations

import torch
from torch import Tensor

from models.base import SparseCodes
from models.parts.largest import top_k
from models.parts.sparse import Selection, pack, sparse_codes

NO_BATCH_YET = -1.0
"""The initial threshold: negative, which a threshold from a batch never is."""


def largest_of_batch(pre: Tensor, k: int, threshold: Tensor, rate: float) -> tuple[Tensor, Selection]:
    """The k N largest of all pre-activations (N, M), as packed rows; values at or below zero are dropped.

    Updates `threshold` () in place: it moves by `rate` towards the smallest value kept; the first batch sets it.
    """
    n_samples, n_latents = pre.shape
    values, entries = top_k(pre.reshape(1, -1), k * n_samples)
    positive = ~(values[0] <= 0)  # NaN passes, and is noticed in the loss
    values, entries = values[0, positive], entries[0, positive]
    if len(values):
        threshold.lerp_(values.min(), rate if threshold >= 0 else 1.0)
    return pack(values, entries // n_latents, entries % n_latents, n_samples, n_latents)


def above_threshold(pre: Tensor, threshold: Tensor) -> SparseCodes:
    """The pre-activations (N, M) above the threshold and above zero; each row is selected on its own."""
    return sparse_codes(torch.where(pre <= threshold.clamp_min(0), 0.0, pre))
