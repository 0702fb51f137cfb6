"""Splits: a partition, a tenth of each class in each but the first, and groups that stay together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.datasets.splitting import stratified

LABELS = torch.tensor([0] * 100 + [1] * 47 + [2] * 5 + [-1] * 16)[torch.randperm(168)]


@pytest.mark.parametrize("parts", [1, 2])
def test_each_class_gives_a_tenth_of_its_samples_to_each_split_but_the_first(parts: int) -> None:
    splits = stratified(LABELS, parts)
    assert torch.equal(torch.cat(splits).sort().values, torch.arange(168))
    for split in splits:
        assert torch.equal(split, split.sort().values)
    for split in splits[1:]:
        assert [int((LABELS[split] == label).sum()) for label in (0, 1, 2, -1)] == [10, 5, 0, 2]
    assert all(torch.equal(a, b) for a, b in zip(splits, stratified(LABELS, parts), strict=True))


def test_rows_of_a_group_stay_in_one_split_and_groups_are_split_by_their_first_label() -> None:
    groups = np.repeat(np.arange(40), 3)[::-1]
    labels = torch.from_numpy(groups.copy()) % 2
    splits = stratified(labels, groups=groups)
    assert torch.equal(torch.cat(splits).sort().values, torch.arange(120))
    members = [set(groups[split.numpy()].tolist()) for split in splits]
    assert [len(own) for own in members] == [32, 4, 4]
    assert not members[0] & members[1] | members[0] & members[2] | members[1] & members[2]
    assert [sum(group % 2 for group in own) for own in members] == [16, 2, 2]
