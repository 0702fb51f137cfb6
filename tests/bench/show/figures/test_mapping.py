"""Points in the plane."""

from __future__ import annotations

import numpy as np

from bench.show.figures.mapping import MAX_MAPPED, embed, mappable, some


def test_a_map_is_the_same_for_the_same_points() -> None:
    points = np.random.default_rng(0).random((40, 5))
    first, second = embed(points), embed(points)
    assert first.shape == (40, 2)
    np.testing.assert_array_equal(first, second)
    assert embed(np.arange(40.0)[:, None]).shape == (40, 2)


def test_there_is_a_map_of_enough_different_points() -> None:
    points = np.random.default_rng(0).random((40, 5))
    assert mappable(points)
    assert not mappable(points[:9])
    assert not mappable(np.ones((40, 5)))


def test_of_many_points_evenly_spaced_ones_are_mapped() -> None:
    assert some(40).tolist() == list(range(40))
    chosen = some(10 * MAX_MAPPED)
    assert len(chosen) == MAX_MAPPED
    assert (chosen[0], chosen[-1]) == (0, 10 * MAX_MAPPED - 1)
    assert set(np.diff(chosen)) <= {10, 11}


def test_neighbours_stay_neighbours() -> None:
    """Three clouds far from each other: each point's nearest one on the map is of its own cloud."""
    rng = np.random.default_rng(0)
    clouds = np.repeat(np.arange(3), 40)
    flat = embed(rng.normal(size=(120, 10)) + 20 * np.eye(10)[clouds])
    distances = np.linalg.norm(flat[:, None] - flat, axis=2) + 1e9 * np.eye(120)
    assert (clouds[distances.argmin(1)] == clouds).all()
