"""Inputs and labels of every type that people have: the same values, or a refusal that says what to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from bench.datasets.base import Split
from bench.datasets.conversion import DataError, as_inputs, as_labels

VALUES = [[0.0, 0.5], [1.0, 0.25], [-3.0, 40.0]]
CLASSES = [2, 0, -1]
X = torch.tensor(VALUES)


def read_only() -> np.ndarray:
    array = np.array(VALUES)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "values",
    [
        VALUES,
        np.array(VALUES),
        np.array(VALUES, np.float16),
        np.array(VALUES, ">f8"),
        np.array(VALUES, np.longdouble),
        np.array(VALUES, order="F"),
        np.array(VALUES)[::-1][::-1],
        read_only(),
        torch.tensor(VALUES, dtype=torch.float64),
        torch.tensor(VALUES, dtype=torch.bfloat16),
        torch.tensor(VALUES, requires_grad=True),
    ],
)
def test_floats_of_all_kinds_are_the_same_inputs(values: Any) -> None:
    x = as_inputs(values)
    assert (x.dtype, x.requires_grad) == (torch.float32, False)
    assert torch.equal(x, X)


def test_truth_values_are_zeros_and_ones() -> None:
    assert (
        as_inputs(np.array([[True, False]])).tolist() == as_inputs(torch.tensor([[True, False]])).tolist() == [[1, 0]]
    )


@pytest.mark.parametrize(
    "values",
    [
        CLASSES,
        np.array(CLASSES, np.int8),
        np.array(CLASSES, np.float64),
        np.array(CLASSES)[:, None],
        torch.tensor(CLASSES, dtype=torch.int32),
        torch.tensor(CLASSES, dtype=torch.float16),
        torch.tensor(CLASSES)[:, None],
    ],
)
def test_whole_numbers_of_all_kinds_are_the_same_labels(values: Any) -> None:
    labels = as_labels(values, X)
    assert (labels.dtype, labels.tolist()) == (torch.int64, CLASSES)


def test_unsigned_labels_and_none() -> None:
    for kind in (np.uint8, np.uint16, np.uint64, bool):
        assert as_labels(np.array([1, 0, 1], kind), X).tolist() == [1, 0, 1]
    assert as_labels(None, X).tolist() == [-1, -1, -1]
    assert Split(X, None).labels.tolist() == [-1, -1, -1]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((3, 28, 28)), r"x has the shape \(3, 28, 28\); expected \(N, D\): flatten it, x.reshape"),
        (np.zeros(3), r"x has the shape \(3,\); expected \(N, D\)"),
        (np.zeros((3, 4), np.uint8), "x is uint8; expected floats. Write x.astype.'float32'. / 255"),
        (torch.zeros(3, 4, dtype=torch.uint8), "x is torch.uint8; expected floats"),
        (
            torch.zeros(3, 4, dtype=torch.complex64),
            "x is Tensor of complex64; expected an array or a tensor of numbers",
        ),
        ([["a", "b"]], "x has words, such as 'a'"),
        (None, "x is NoneType of object; expected an array"),
    ],
)
def test_inputs_that_could_mean_anything_are_refused(values: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        as_inputs(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["cat", "dog", "cat"], r"labels has words, such as 'cat'; number them: names, numbers = np.unique\(labels"),
        (np.array(["cat", "dog", None], object), "labels has words, such as 'cat'"),
        (np.eye(3), r"labels has the shape \(3, 3\); expected \(N,\): of one-hot rows, labels.argmax\(1\)"),
        ([0.0, 1.5, 2.0], "labels has 1.5 at row 1; expected whole numbers, and -1 for a sample without a class"),
        ([0.0, 1.0, np.nan], "labels has nan at row 2"),
        ([0.0, np.inf, 0.0], "labels has inf at row 1"),
        ([0, 1], "labels has 2 rows for 3 samples of x; give one for each"),
        (0, r"labels has the shape \(\); expected \(N,\)"),
    ],
)
def test_labels_that_could_mean_anything_are_refused(values: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Split(X, values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ma.masked_less(np.array(VALUES), 0), r"mask over 1 of its values.*x\.filled\(0\)"),
        (csr_array(np.array(VALUES)), r"sparse csr_array; give x\.toarray\(\)"),
        (SimpleNamespace(X=np.array(VALUES), obs=None), "give its X, and a column of its obs"),
    ],
)
def test_arrays_that_numpy_would_make_others_of_are_refused(values: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        as_inputs(values)


def test_a_mask_over_nothing_is_none() -> None:
    assert torch.equal(as_inputs(np.ma.array(VALUES)), X)


def test_factors_have_a_row_for_each_sample() -> None:
    with pytest.raises(DataError, match="gates has 6 rows for 3 samples"):
        Split(X, torch.zeros(3), {"gates": torch.zeros(6, 2)})


@pytest.mark.parametrize("labels", [torch.arange(999) // 333, torch.arange(999) % 2, torch.arange(999) % 3])
def test_a_spread_of_samples_has_every_class_in_its_share(labels: torch.Tensor) -> None:
    """Sorted classes, and classes in turns: every second sample of 999 would be of one class of two."""
    split = Split(torch.arange(999.0)[:, None], labels)
    part = split.spread(500)
    assert part.x.squeeze(1).diff().min() >= 0, "in their order"
    shares = part.labels.bincount() / 500
    torch.testing.assert_close(shares, labels.bincount() / 999, atol=0.05, rtol=0)
    assert torch.equal(part.x, split.spread(500).x)
    assert split.spread(None) is split.spread(999) is split.spread(2000) is split
