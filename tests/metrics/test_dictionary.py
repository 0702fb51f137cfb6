"""Coherence of a dictionary: by hand, by loops over pairs of atoms, and in extreme cases."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from metrics import dictionary
from metrics.base import NotApplicable
from tests.metrics.cases import csr

# Atoms at 0, 60 and 90 degrees: |cosines| 1/2 (0, 60), 0 (0, 90), cos 30 (60, 90). Their length does not count.
ANGLES = torch.deg2rad(torch.tensor([0.0, 60.0, 90.0]))
ATOMS = torch.stack([ANGLES.cos(), ANGLES.sin()], 1) * torch.tensor([[1.0], [2.0], [3.0]])
COS30 = math.sqrt(3) / 2


def cosines(atoms: Tensor) -> np.ndarray:
    a = atoms.double().numpy()
    return a @ a.T / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(a, axis=1))


def babel_of(overlaps: np.ndarray, chosen: list[int]) -> float:
    """The largest sum of |cosine| of one chosen atom with the other chosen atoms."""
    return max(sum(abs(overlaps[i, j]) for j in chosen if j != i) for i in chosen)


def test_coherence_and_babel_by_hand() -> None:
    # The middle atom has both others close: 1/2 + cos 30.
    assert dictionary.coherence(ATOMS) == pytest.approx(COS30)
    assert dictionary.babel(ATOMS) == {"1": pytest.approx(COS30), "2": pytest.approx(0.5 + COS30)}


def test_babel_of_active_atoms_by_hand() -> None:
    # Images select atoms (0, 1): 1/2; (0, 1, 2): 1/2 + cos 30; (2): 0. An image without atoms is left out.
    active = torch.tensor([[1, 1, 0], [1, 1, 1], [0, 0, 1], [0, 0, 0]])
    assert dictionary.active_babel(ATOMS, active.bool()) == pytest.approx((0.5 + 0.5 + COS30) / 3, rel=1e-6)


def test_cosines_by_hand() -> None:
    # Of the pairs 0, 1/2 and cos 30 the median is 1/2; the 1% quantile is 2% of the way from 0 to 1/2.
    found = dictionary.cosine_quantiles(ATOMS)
    expected = {"q1": 0.01, "q50": 0.5, "q99": COS30 - 0.02 * (COS30 - 0.5)}
    assert found == pytest.approx(expected, abs=1e-6)
    alive = torch.tensor([[0, 1, 0], [0, 0, 1]]).bool()
    assert dictionary.live_cosine(ATOMS, alive) == pytest.approx(COS30)


def test_all_agree_with_loops_over_pairs_of_atoms() -> None:
    atoms, active = torch.randn(30, 6), torch.rand(50, 30) < 0.1
    active[:, 7] = False
    overlaps = cosines(atoms)
    pairs = np.array([overlaps[i, j] for i, j in combinations(range(30), 2)])
    assert dictionary.coherence(atoms) == pytest.approx(np.abs(pairs).max())
    nearest = np.sort(np.abs(overlaps - np.eye(30)), axis=1)[:, ::-1]
    expected = {str(r): nearest[:, :r].sum(1).max() for r in (1, 2, 5, 10)}
    assert dictionary.babel(atoms) == pytest.approx(expected)
    chosen = [list(row.nonzero()[0]) for row in active.numpy() if row.any()]
    mean = np.mean([babel_of(overlaps, units) for units in chosen])
    assert dictionary.active_babel(atoms, active) == pytest.approx(mean, rel=1e-5)
    assert dictionary.active_babel(atoms, csr(active)) == pytest.approx(mean, rel=1e-5)
    quantiles = {f"q{round(100 * q)}": np.quantile(pairs, q) for q in (0.01, 0.5, 0.99)}
    assert dictionary.cosine_quantiles(atoms) == pytest.approx(quantiles)
    live = active.any(0).nonzero().squeeze(1).tolist()
    expected_live = np.mean([abs(overlaps[i, j]) for i, j in combinations(live, 2)])
    assert dictionary.live_cosine(atoms, active) == pytest.approx(expected_live)


def test_babel_over_several_blocks_is_the_largest_row_sum() -> None:
    atoms = torch.randn(1500, 8, dtype=torch.float64)
    rows = np.sort(np.abs(cosines(atoms) - np.eye(1500)), axis=1)[:, ::-1]
    assert dictionary.babel(atoms)["50"] == pytest.approx(rows[:, :50].sum(1).max())
    assert dictionary.coherence(atoms) == pytest.approx(rows[:, 0].max())


def test_atoms_of_double_precision_are_read_as_well() -> None:
    active = torch.rand(9, 3) < 0.7
    single = dictionary.active_babel(ATOMS, active)
    assert dictionary.active_babel(ATOMS.double(), active) == pytest.approx(single, rel=1e-6)


def test_orthogonal_atoms_have_no_coherence() -> None:
    assert dictionary.coherence(torch.eye(12)) == 0
    assert dictionary.babel(torch.eye(12)) == {"1": 0, "2": 0, "5": 0, "10": 0}
    assert dictionary.active_babel(torch.eye(12), torch.ones(3, 12)) == 0
    assert dictionary.live_cosine(torch.eye(12), torch.ones(3, 12)) == 0
    assert dictionary.cosine_quantiles(torch.eye(12)) == {"q1": 0, "q50": 0, "q99": 0}


def test_equal_and_opposite_atoms_have_all_of_it() -> None:
    atoms = torch.tensor([[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0]])
    assert dictionary.coherence(atoms) == pytest.approx(1)
    assert dictionary.babel(atoms)["2"] == pytest.approx(2)
    assert dictionary.active_babel(atoms, torch.ones(4, 3)) == pytest.approx(2)
    assert dictionary.live_cosine(atoms, torch.ones(4, 3)) == pytest.approx(1)
    assert dictionary.cosine_quantiles(atoms)["q1"] == pytest.approx(-1, abs=1e-6)


def test_a_single_atom_has_no_pair() -> None:
    atom = torch.ones(1, 4)
    assert dictionary.coherence(atom) == 0
    assert (
        dictionary.babel(atom) == dictionary.cosine_quantiles(atom) == NotApplicable("there are fewer than two atoms")
    )
    assert dictionary.live_cosine(atom, torch.ones(3, 1)) == NotApplicable("fewer than two units are live")
    assert dictionary.active_babel(atom, torch.ones(3, 1)) == pytest.approx(0, abs=1e-6)
    assert dictionary.active_babel(ATOMS, torch.zeros(3, 3)) == NotApplicable("no image has an active unit")
    assert dictionary.live_cosine(ATOMS, torch.zeros(3, 3)) == NotApplicable("fewer than two units are live")


@given(arrays(np.float32, (5, 3), elements=st.floats(-4, 4, width=32, allow_subnormal=False)))
@settings(deadline=None, max_examples=25)
def test_babel_grows_with_its_order_and_never_faster_than_the_coherence(atoms: np.ndarray) -> None:
    dictionary_ = torch.from_numpy(atoms)
    found = dictionary.babel(dictionary_)
    assert found["1"] == pytest.approx(dictionary.coherence(dictionary_))
    assert found["1"] <= found["2"] + 1e-9 <= 2 * found["1"] + 2e-9


def test_rounding_takes_parallel_atoms_out_of_no_range() -> None:
    for _ in range(50):
        atoms = torch.linspace(0.1, 3, 12)[:, None] * torch.rand(8)
        assert dictionary.coherence(atoms) <= 1
        sums, cosines = dictionary.babel(atoms), dictionary.cosine_quantiles(atoms)
        assert isinstance(sums, dict)
        assert isinstance(cosines, dict)
        assert all(value <= int(size) for size, value in sums.items())
        assert max(cosines.values()) <= 1
