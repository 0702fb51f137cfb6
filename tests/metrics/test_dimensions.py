"""Roles of units: by hand, by counting, and on planted codes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy

from metrics import dimensions
from metrics.base import NotApplicable
from tests.metrics.cases import ACTIVE, LABELS


def test_roles_by_hand() -> None:
    # Rates by class: unit 0 (1, 1) global, unit 1 (0.5, 1), unit 2 (0, 0) dead.
    roles = dimensions.roles(ACTIVE, LABELS)
    assert roles["dead"] == 1
    assert (roles["global@0.5"], roles["exclusive@0.5"], roles["shared@0.5"]) == (2, 0, 0)
    assert (roles["global@0.7"], roles["exclusive@0.7"], roles["shared@0.7"]) == (1, 1, 0)
    assert dimensions.global_units(ACTIVE, LABELS) == 2
    assert dimensions.class_specific_units(ACTIVE, LABELS) == 0


def test_selectivity_by_hand() -> None:
    # Unit 0 fires alike in both classes: 0. Unit 1 at 0.5 and 1, shares 1/3 and 2/3: 1 - H(1/3) / ln 2. Mean of two.
    expected = (1 - entropy([1 / 3, 2 / 3], base=2)) / 2
    assert dimensions.selectivity(ACTIVE, LABELS) == pytest.approx(expected)


def test_roles_and_selectivity_agree_with_counting() -> None:
    active, labels = torch.rand(203, 30) < torch.rand(30), torch.arange(203) % 5
    rates = np.stack([active[labels == c].double().mean(0).numpy() for c in range(5)])
    found = dimensions.roles(active, labels)
    assert found.pop("dead") == (rates.max(0) < 0.01).sum()
    for tau in (0.3, 0.5, 0.7, 0.9):
        reached = [sum(rate >= tau for rate in unit) for unit in rates.T]
        assert found.pop(f"global@{tau}") == sum(count == 5 for count in reached)
        assert found.pop(f"exclusive@{tau}") == sum(count == 1 for count in reached)
        assert found.pop(f"shared@{tau}") == sum(1 < count < 5 for count in reached)
    assert found == {}
    expected = np.mean([1 - entropy(unit) / np.log(5) for unit in rates.T if unit.any()])
    assert dimensions.selectivity(active, labels) == pytest.approx(expected)


def test_roles_of_a_planted_code() -> None:
    labels = torch.arange(40) % 4
    one_hot = torch.nn.functional.one_hot(labels, 4).bool()
    shared = (labels < 2)[:, None]
    active = torch.cat([one_hot, shared, torch.ones(40, 2).bool(), torch.zeros(40, 3).bool()], 1)
    assert dimensions.exclusive_units(active, labels) == 4
    assert dimensions.shared_units(active, labels) == 1
    assert dimensions.global_units(active, labels) == 2
    assert dimensions.class_specific_units(active, labels) == 5
    assert dimensions.roles(active, labels)["dead"] == 3


def test_a_class_code_is_selective_and_a_constant_one_is_not() -> None:
    labels = torch.arange(40) % 4
    assert dimensions.selectivity(torch.nn.functional.one_hot(labels, 4).bool(), labels) == pytest.approx(1)
    on = torch.ones(40, 3).bool()
    assert dimensions.selectivity(on, labels) == pytest.approx(0, abs=1e-12)
    assert dimensions.global_units(on, labels) == 3
    off = torch.zeros(40, 3).bool()
    assert dimensions.selectivity(off, labels) == NotApplicable("all units are dead")
    assert dimensions.roles(off, labels) == {key: 3.0 * (key == "dead") for key in dimensions.roles(on, labels)}


def test_with_one_class_a_unit_that_reaches_the_bound_is_global() -> None:
    labels = torch.zeros(4).long()
    assert dimensions.global_units(ACTIVE, labels) == 2
    assert dimensions.class_specific_units(ACTIVE, labels) == 0
    assert dimensions.selectivity(ACTIVE, labels) == NotApplicable("fewer than two classes occur")


def test_a_rate_equal_to_the_bound_reaches_it() -> None:
    # 3, 7 and 9 of 10: rates that are not exact in binary.
    labels = torch.zeros(10).long()
    active = torch.arange(10)[:, None] < torch.tensor([3, 7, 9])
    found = dimensions.roles(active, labels)
    assert [found[f"global@{tau}"] for tau in (0.3, 0.5, 0.7, 0.9)] == [3, 2, 2, 1]


def test_roles_of_units_by_name_and_their_order_by_hand() -> None:
    # Units: never on, on in the second class, everywhere, in the first class, rarely, in two, in the first.
    rates = torch.tensor(
        [
            [0.0, 0.1, 0.9, 0.6, 0.2, 0.7, 0.8],
            [0.0, 0.9, 0.6, 0.1, 0.2, 0.8, 0.1],
            [0.0, 0.1, 0.8, 0.1, 0.2, 0.1, 0.1],
        ]
    )
    roles = dimensions.unit_roles(rates)
    assert roles == ["dead", "exclusive", "global", "exclusive", "no role", "shared", "exclusive"]
    assert set(roles) == set(dimensions.ROLES)
    # Global, shared, exclusive (by class, the most active first), no role, dead.
    assert dimensions.order_by_role(rates.numpy(), roles).tolist() == [2, 5, 6, 3, 1, 4, 0]


def test_global_units_stand_by_their_rate_whatever_class_it_is_in() -> None:
    rates = np.array([[0.6, 0.7, 0.5], [0.9, 0.6, 0.8]])
    assert dimensions.order_by_role(rates, ["global"] * 3).tolist() == [0, 2, 1]


def test_named_roles_are_those_that_are_counted() -> None:
    active, labels = torch.rand(203, 30) < torch.rand(30), torch.arange(203) % 5
    active[:, 4] = False
    names, counts = dimensions.unit_roles(dimensions.class_rates(active, labels)), dimensions.roles(active, labels)
    assert names.count("dead") == counts["dead"]
    assert all(names.count(role) == counts[f"{role}@0.5"] for role in ("global", "shared", "exclusive"))


@given(arrays(np.bool_, (9, 4)))
@settings(deadline=None, max_examples=25)
def test_no_unit_has_two_roles(on: np.ndarray) -> None:
    active, labels = torch.from_numpy(on), torch.arange(9) % 3
    found = dimensions.roles(active, labels)
    for tau in dimensions.TAUS:
        roles = [found[f"{role}@{tau}"] for role in ("global", "exclusive", "shared")]
        assert sum(roles) + found["dead"] <= 4
