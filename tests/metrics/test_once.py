"""A part that metrics share is computed once for the same objects, and anew for others."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import torch
from scipy.sparse import csr_array

from metrics.matrix import Matrix
from metrics.once import REMEMBERED, once


def test_the_same_objects_are_asked_for_once_and_others_anew() -> None:
    calls = []

    @once
    def total(x: Matrix, y: Matrix) -> float:
        calls.append((x, y))
        return float(x.sum() + y.sum())

    x, y, sparse = torch.ones(3), torch.ones(2), csr_array(np.eye(3))
    assert total(x, y) == total(x, y) == 5
    assert total(sparse, y) == total(sparse, y) == 5
    assert len(calls) == 2
    total(x.clone(), y)
    assert len(calls) == 3, "an equal one is another one"
    x[0] = 7
    assert total(x, y) == 11, "changed in place"


def test_what_it_was_called_with_is_not_kept() -> None:
    double = once(lambda x: 2 * x)
    x = torch.ones(5)
    double(x)
    reference = weakref.ref(x)
    del x
    gc.collect()
    assert reference() is None
    for value in range(3 * REMEMBERED):  # objects that have gone, in whose place others may lie
        assert double(torch.full((2,), value)).tolist() == [2 * value] * 2
