"""Which units are used: by hand, beside numpy, and in extreme cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from metrics import units
from metrics.base import NotApplicable
from tests.metrics.cases import ACTIVE


def test_units_by_hand() -> None:
    assert units.dead_fraction(ACTIVE) == pytest.approx(1 / 3)
    assert units.always_on_fraction(ACTIVE) == pytest.approx(1 / 3)
    assert units.live_units(ACTIVE) == 2
    assert units.density(ACTIVE).tolist() == [1, 0.75, 0]
    # Live densities 0.75 and 1: the quantiles lie on the line between them.
    assert units.density_quantiles(ACTIVE) == pytest.approx({"q10": 0.775, "q50": 0.875, "q90": 0.975})


def test_units_agree_with_numpy() -> None:
    on = (torch.rand(300, 40) < torch.rand(40) ** 3).numpy()
    on[:, :3], on[:, 3] = False, True
    rates = on.mean(0)
    active = torch.from_numpy(on)
    np.testing.assert_allclose(units.density(active), rates)
    assert units.dead_fraction(active) == pytest.approx((rates == 0).mean())
    assert units.always_on_fraction(active) == pytest.approx((rates > 0.99).mean())
    assert units.live_units(active) == (rates > 0).sum()
    expected = {f"q{round(100 * q)}": np.quantile(rates[rates > 0], q) for q in (0.1, 0.5, 0.9)}
    assert units.density_quantiles(active) == pytest.approx(expected)


def test_all_dead_and_all_on() -> None:
    dead, on = torch.zeros(6, 4).bool(), torch.ones(6, 4).bool()
    assert (units.dead_fraction(dead), units.always_on_fraction(dead), units.live_units(dead)) == (1, 0, 0)
    assert (units.dead_fraction(on), units.always_on_fraction(on), units.live_units(on)) == (0, 1, 4)
    assert units.density_quantiles(dead) == NotApplicable("all units are dead")
    assert units.density_quantiles(on) == {"q10": 1, "q50": 1, "q90": 1}


def test_always_on_means_on_more_than_99_of_100_samples() -> None:
    active = torch.ones(100, 2).bool()
    active[0, 0] = False
    assert units.always_on_fraction(active) == 0.5


def test_a_class_code_has_neither_dead_nor_always_active_units() -> None:
    active = torch.eye(5).bool().repeat(3, 1)
    assert units.dead_fraction(active) == units.always_on_fraction(active) == 0
    assert units.density(active).tolist() == pytest.approx([0.2] * 5)


@given(arrays(np.bool_, (6, 4)))
@settings(deadline=None, max_examples=25)
def test_dead_and_live_units_add_up_to_all(on: np.ndarray) -> None:
    active = torch.from_numpy(on)
    assert units.dead_fraction(active) * 4 + units.live_units(active) == pytest.approx(4)
