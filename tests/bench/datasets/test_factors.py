"""Procedural faces: the gates follow the table, the pictures show what gates and values say, the cache keeps them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.datasets import factors
from bench.datasets.factors import ATTRIBUTES, VALUE_GATES, Factors, gate_rates, generate, paint, sample
from bench.plugins.loading import load_source
from bench.plugins.registry import DATASET_REGISTRY
from metrics.dimensions import class_rates, roles
from metrics.ground_truth import factor_recovery, gate_auc, mcc

GATES = range(len(ATTRIBUTES))
NAMES = [attribute.name for attribute in ATTRIBUTES]


def shown(gates: np.ndarray, gate: int, present: bool = True) -> np.ndarray:
    """The gates with one of them set in all images."""
    changed = gates.copy()
    changed[:, gate] = present
    return changed


def test_the_first_samples_are_the_same_whatever_follows_and_whatever_the_chunk() -> None:
    few, many = generate(70), generate(600)
    for name, array in few.items():
        np.testing.assert_array_equal(array, many[name][:70])
    _, gates, values, levels = sample(70)
    np.testing.assert_array_equal(few["images"], paint(gates, values, levels, chunk=7))


def test_the_pictures_are_those_of_this_version() -> None:
    """Where this fails although it is meant to, VERSION must change too: caches and run ids depend on it."""
    images = generate(100)["images"].astype(np.float64)
    assert factors.VERSION == "factors 2"
    assert [images.mean(), images.std()] == pytest.approx([128.604, 51.781], abs=0.001)


def test_gate_rates_are_those_of_the_table() -> None:
    labels, gates, _, _ = sample(50_000)  # nothing is drawn
    rates = class_rates(torch.from_numpy(gates), torch.from_numpy(labels)).numpy()
    error = np.sqrt(gate_rates() * (1 - gate_rates()) / np.bincount(labels)[:, None])
    assert (np.abs(rates - gate_rates()) < 4.5 * error).all()
    assert np.bincount(labels) == pytest.approx(np.full(10, 5000), abs=300)


def test_gates_have_the_roles_that_the_truth_gives_them() -> None:
    labels, gates, _, _ = sample(2000)
    counts = roles(torch.from_numpy(gates), torch.from_numpy(labels))
    expected = [attribute.role for attribute in ATTRIBUTES]
    for role in ("global", "shared", "exclusive"):
        assert counts[f"{role}@0.5"] == expected.count(role) > 2
    assert all(2 <= len(attribute.classes) <= 4 for attribute in ATTRIBUTES if attribute.role == "shared")


def test_every_class_has_a_pattern_and_a_name_of_its_own() -> None:
    assert len(np.unique(gate_rates() > 0.5, axis=0)) == len(set(factors.class_names())) == 10
    assert factors.class_names()[6] == "ears+bowtie"


@pytest.mark.parametrize("gate", GATES, ids=NAMES)
def test_an_attribute_shows_and_so_does_each_of_its_values(gate: int) -> None:
    _, gates, values, levels = sample(300)
    on = shown(gates, gate)
    images = paint(on, values, levels)
    assert (images != paint(shown(gates, gate, present=False), values, levels)).any(1).all()
    deviations = [deviation for _, deviation in ATTRIBUTES[gate].values.values()]
    for column, deviation in zip(np.flatnonzero(gate == VALUE_GATES), deviations, strict=True):
        moved = values.copy()
        moved[:, column] += deviation
        assert (images != paint(on, moved, levels)).any(1).all()


def test_no_pixel_tells_an_attribute_and_a_pattern_of_pixels_does() -> None:
    """The floor: raw pixels as units. Against it: for each attribute the direction that least squares finds."""
    data = generate(5000)
    x, gates = torch.from_numpy(data["images"]).float() / 255, torch.from_numpy(data["gates"])
    roles = [attribute.role for attribute in ATTRIBUTES]
    whole = torch.cat([x, torch.ones(len(x), 1)], dim=1).double()
    train, test = slice(4000), slice(4000, 5000)
    gram = whole[train].T @ whole[train] + 20 * torch.eye(1025)
    detectors = whole @ torch.linalg.solve(gram, whole[train].T @ gates[train].double())
    pixels, patterns = (
        (gate_auc(*given), factor_recovery(*given, roles), mcc(*given[:2]))
        for given in ((z[test], gates[test], z[train], gates[train]) for z in (x, detectors.float()))
    )
    assert pixels[0] < 0.65 < 0.97 < patterns[0]
    assert pixels[1] == {"global": 0, "class-specific": 0}
    assert patterns[1] == {"global": 1, "class-specific": 1}
    assert pixels[2] < 0.25 < 0.8 < patterns[2]


def test_values_are_known_exactly_where_their_attribute_is_present() -> None:
    data, (_, gates, values, levels) = generate(500), sample(500)
    np.testing.assert_array_equal(np.isnan(data["values"]), ~gates[:, VALUE_GATES])
    np.testing.assert_array_equal(data["images"], paint(gates, np.where(np.isnan(data["values"]), 99, values), levels))
    table = np.array([pair for attribute in ATTRIBUTES for pair in attribute.values.values()])
    z = (values - table[:, 0]) / table[:, 1]
    assert z.mean(0) == pytest.approx(np.zeros(len(table)), abs=0.25)
    assert z.std(0) == pytest.approx(np.ones(len(table)), abs=0.2)


def test_the_cached_data_set_equals_the_fresh_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(factors, "SIZES", (60, 20, 40))
    fresh = Factors().load(Path("unused"))
    monkeypatch.setattr(factors, "generate", lambda n: pytest.fail("it is in the cache"))
    again = Factors().load(Path("unused"))
    for name, size in (("train", 60), ("validation", 20), ("test", 40)):
        a, b = getattr(fresh, name), getattr(again, name)
        assert len(a) == size
        assert a.x.dtype == torch.float32
        assert 0 <= a.x.min() < a.x.max() <= 1
        assert a.factors["gates"].dtype == torch.bool
        assert torch.equal(a.x, b.x)
        assert torch.equal(a.labels, b.labels)
        assert torch.equal(a.factors["gates"], b.factors["gates"])
        assert torch.allclose(a.factors["values"], b.factors["values"], rtol=0, atol=0, equal_nan=True)


def test_the_checksum_identifies_the_table_and_makes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factors, "generate", lambda n: pytest.fail("a checksum needs no data"))
    before = Factors().checksum(Path("absent"))
    assert before == Factors().checksum(Path("elsewhere"))
    monkeypatch.setattr(factors, "ATTRIBUTES", ATTRIBUTES[1:])
    assert Factors().checksum(Path("absent")) != before


@pytest.mark.slow
def test_the_whole_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert type(load_source(DATASET_REGISTRY.find("factors"))) is Factors
    dataset = Factors().load(Path("unused"))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (55_000, 5_000, 10_000)
    assert dataset.n_features == 32 * 32
    for split in (dataset.train, dataset.validation, dataset.test):
        assert 0 <= split.x.min() < split.x.max() <= 1
        assert split.factors["gates"].shape == (len(split), len(dataset.truth["gate_names"]))
        assert split.factors["values"].shape == (len(split), len(dataset.truth["value_names"]))
    assert len(dataset.truth["gate_roles"]) == len(dataset.truth["gate_names"])
    assert dataset.truth["value_gates"][dataset.truth["value_names"].index("eyes.size")] == NAMES.index("eyes")
