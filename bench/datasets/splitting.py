"""Into training, validation and test split: 80 / 10 / 10, each class alike, the same for the same number of samples."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SEED = 0
"""Of the permutation: a split is part of what a data set is, so no option changes it."""
SHARE = 10
"""One sample in so many is for validation, and one for test."""


def stratified(labels: Tensor, parts: int = 2, groups: np.ndarray | None = None) -> list[Tensor]:
    """Indices of the samples of `1 + parts` splits, sorted: the first takes what the others leave.

    Each class gives a tenth of its samples, rounded, to each of the other splits: one of fewer than six samples stays
    in the first. Samples without a label are a class of their own here. Rows of one of `groups`, numbers (N,), stay in
    one split: it is groups that are split, each by the label of its first row.

    Examples
    --------
    >>> train, validation, test = stratified(torch.arange(100) % 2)
    >>> len(train), len(validation), len(test)
    (80, 10, 10)
    """
    if groups is not None:
        _, first, group = np.unique(groups, return_index=True, return_inverse=True)
        whole = stratified(labels[torch.from_numpy(first)], parts)
        return [torch.from_numpy(np.isin(group, part.numpy()).nonzero()[0]) for part in whole]
    rng = np.random.Generator(np.random.PCG64(SEED))
    chosen: list[list[np.ndarray]] = [[] for _ in range(1 + parts)]
    for label in labels.unique(sorted=True):
        members = rng.permutation((labels == label).nonzero().squeeze(1).numpy())
        size = round(len(members) / SHARE)
        for part in range(parts):
            chosen[1 + part].append(members[part * size : (part + 1) * size])
        chosen[0].append(members[parts * size :])
    return [torch.from_numpy(np.sort(np.concatenate(part))).long() for part in chosen]
