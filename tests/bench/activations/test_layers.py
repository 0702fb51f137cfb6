"""Pooling: which of a layer's outputs become rows."""

from __future__ import annotations

import pytest
import torch

from bench.activations.layers import put_back, rows_of
from bench.errors import BenchError

TOKENS = torch.arange(12.0).reshape(2, 3, 2)
MASK = torch.tensor([[True, True, False], [True, True, True]])


@pytest.mark.parametrize(
    ("pool", "values", "counts"),
    [
        ("cls", [[0, 1], [6, 7]], [1, 1]),
        ("last", [[2, 3], [10, 11]], [1, 1]),
        ("mean", [[1, 2], [8, 9]], [1, 1]),
        ("none", [[0, 1], [2, 3], [6, 7], [8, 9], [10, 11]], [2, 3]),
    ],
)
def test_padding_is_in_no_row(pool: str, values: list[list[int]], counts: list[int]) -> None:
    padded = TOKENS.clone()
    padded[0, 2] = 1000
    rows = rows_of(padded, MASK, pool)
    assert rows.values.tolist() == values
    assert rows.counts.tolist() == counts


def test_padding_that_is_not_finite_is_in_no_mean() -> None:
    padded = TOKENS.clone()
    padded[0, 2] = float("nan")
    assert rows_of(padded, MASK, "mean").values.tolist() == [[1, 2], [8, 9]]


def test_maps_with_channels_first_and_last_are_read_alike() -> None:
    first = torch.arange(2.0 * 3 * 4 * 4).reshape(2, 3, 4, 4)
    last = first.permute(0, 2, 3, 1)
    for pool in ("mean", "none"):
        assert rows_of(first, None, pool).values.tolist() == rows_of(last, None, pool).values.tolist()
    assert rows_of(first, None, "none").values[1].tolist() == first[0, :, 0, 1].tolist()


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 4), (2, 4, 4, 3)])
def test_rows_are_put_back_where_they_came_from(shape: tuple[int, ...]) -> None:
    output = torch.rand(shape)
    mask = torch.tensor([[True, True, False], [True, True, True]]) if len(shape) == 3 else None
    rows = rows_of(output, mask, "none").values
    assert put_back(output, rows, mask).equal(output)
    changed = put_back(output, 2 * rows, mask)
    assert rows_of(changed, mask, "none").values.equal(2 * rows)
    if mask is not None:
        assert changed[0, 2].equal(output[0, 2])  # padding stays


def test_a_map_has_no_first_token() -> None:
    with pytest.raises(BenchError, match="use mean or none"):
        rows_of(torch.zeros(2, 3, 4, 4), None, "cls")


def test_what_is_pooled_already_stays() -> None:
    assert rows_of(TOKENS[:, 0], None, "none").counts.tolist() == [1, 1]
