"""The BatchTopK selection: the largest values of a batch in training, those above a threshold at inference."""

from __future__ import annotations

import torch
from torch import Tensor

from models.base import SparseCodes
from models.parts.hardware import may_wait
from models.parts.largest import top_k
from models.parts.sparse import Selection, sort_numbers, sparse_codes

NO_BATCH_YET = -1.0
"""The initial threshold: negative, which a threshold from a batch never is."""


def largest_of_batch(pre: Tensor, k: int, threshold: Tensor, rate: float) -> tuple[Tensor, Selection]:
    """The k N largest of all pre-activations (N, M), as a list (k N,); values at or below zero are dropped.

    Updates `threshold` () in place: it moves by `rate` towards the smallest value kept; the first batch sets it.
    """
    n_samples, n_latents = pre.shape
    values, entries = (top[0] for top in top_k(pre.reshape(1, -1), k * n_samples))
    positive = ~(values <= 0)  # NaN passes, and is noticed in the loss
    smallest = values.masked_fill(~positive, torch.inf).min()
    moved = threshold.lerp(smallest, torch.where(threshold >= 0, rate, 1.0))
    threshold.copy_(torch.where(smallest < torch.inf, moved, threshold))
    used = None
    if may_wait(values):
        values, entries = values[positive], entries[positive]
    else:
        values, used = values.masked_fill(~positive, 0.0), positive
    _, order = sort_numbers(entries // n_latents, n_samples)
    entries = entries[order]
    used = used if used is None else used[order]
    return values[order], Selection(entries % n_latents, n_latents, used, entries // n_latents, n_samples)


def above_threshold(pre: Tensor, threshold: Tensor) -> SparseCodes:
    """The pre-activations (N, M) above the threshold and above zero; each row is selected on its own."""
    return sparse_codes(torch.where(pre <= threshold.clamp_min(0), 0.0, pre))
