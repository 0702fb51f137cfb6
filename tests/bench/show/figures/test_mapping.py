"""Points in the plane."""

from __future__ import annotations

import numpy as np

from bench.show.figures.mapping import embed


def test_a_map_is_the_same_for_the_same_points_and_none_of_a_few() -> None:
    points = np.random.default_rng(0).random((40, 5))
    first, second = embed(points), embed(points)
    assert first is not None
    assert first.shape == (40, 2)
    np.testing.assert_array_equal(first, second)
    assert embed(points[:9]) is None
    assert embed(np.ones((40, 5))) is None
    assert embed(np.arange(40.0)[:, None]) is not None
