"""Vectors of parents and children: who is on with whom, how often, how strongly, and how atoms are correlated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.datasets import hierarchy
from bench.datasets.hierarchy import GROUPS, PARENTS, SCALE, CorrelatedHierarchy, Hierarchy, atoms, inputs, sample
from bench.plugins.loading import load_source
from bench.plugins.registry import DATASET_REGISTRY

COSINES = [index / 10 for index in range(9)]


def test_the_first_samples_are_the_same_whatever_follows() -> None:
    for few, many in zip(sample(100), sample(1000), strict=True):
        np.testing.assert_array_equal(few, many[:100])


def test_a_child_is_on_only_with_its_parent_and_without_its_siblings() -> None:
    gates, _ = sample(20_000)
    children = PARENTS >= 0
    assert (gates[:, children] <= gates[:, PARENTS[children]]).all()
    for family in range(3):
        of_family = gates[:, family == PARENTS]
        assert of_family.shape[1] == 3
        assert of_family.sum(1).max() == 1


def test_rates_are_the_published_ones() -> None:
    gates, _ = sample(20_000)
    rates = np.repeat([0.2, 0.05, 0.2 * 0.2], [3, 8, 9])
    assert rates.sum() == pytest.approx(1.36)
    assert (np.abs(gates.mean(0) - rates) < 4 * np.sqrt(rates * (1 - rates) / len(gates))).all()
    assert gates.sum(1).mean() == pytest.approx(1.36, abs=0.04)
    assert np.corrcoef(gates[:, :11].T) == pytest.approx(np.eye(11), abs=0.03), "parents are independent"


@pytest.mark.parametrize("cosine", COSINES)
def test_atoms_of_a_group_have_the_target_cosine_and_others_are_orthogonal(cosine: float) -> None:
    gram = atoms(cosine) @ atoms(cosine).T
    target = np.where(GROUPS[:, None] == GROUPS, cosine, 0)
    np.fill_diagonal(target, 1)
    assert gram == pytest.approx(target, abs=1e-3)


@pytest.mark.parametrize("cosine", [0.0, 0.6])
def test_amplitudes_are_recovered_from_inputs_by_the_dual_basis(cosine: float) -> None:
    gates, _ = sample(20_000)
    x = inputs(sample(20_000)[1], atoms(cosine)).astype(np.float64)
    inside = ((x > 0) & (x < 1)).all(1)
    assert inside.mean() > 0.999
    found, on = ((x - 0.5) * SCALE @ np.linalg.inv(atoms(cosine)))[inside], gates[inside]
    assert np.abs(found[~on]).max() < 1e-4
    for feature in range(20):
        active = found[on[:, feature], feature]
        assert active.mean() == pytest.approx(1.5, abs=4 * 0.25 / np.sqrt(len(active)))
        assert active.std() == pytest.approx(0.25, abs=3 * 0.25 / np.sqrt(len(active)))


def test_the_scale_is_the_least_power_of_two_that_clips_hardly_anything() -> None:
    _, amplitudes = sample(20_000)
    for cosine in (0.0, 0.6):
        raw = np.abs(amplitudes @ atoms(cosine))
        assert (raw > SCALE / 2).mean() < 1e-4 < (raw > SCALE / 4).mean()


def test_the_class_is_the_first_family_that_is_on() -> None:
    gates = np.zeros((4, 20), bool)
    gates[1, [2, 5]] = gates[2, [1, 2]] = gates[3, 7] = True
    assert hierarchy.families(gates).tolist() == [0, 3, 2, 0]


def test_checksums_tell_the_two_sets_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy, "sample", lambda n: pytest.fail("a checksum needs no data"))
    sums = {source().checksum(Path("absent")) for source in (Hierarchy, CorrelatedHierarchy)}
    assert len(sums) == 2
    monkeypatch.setattr(hierarchy, "LEAF_RATE", 0.06)
    assert Hierarchy().checksum(Path("absent")) not in sums


@pytest.mark.parametrize("source", [Hierarchy, CorrelatedHierarchy])
def test_loaded(source: type[Hierarchy], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy, "SIZES", (1500, 200, 300))
    dataset, again = (source().load(Path("unused")) for _ in range(2))
    assert [len(dataset.train), len(dataset.validation), len(dataset.test)] == [1500, 200, 300]
    assert torch.equal(dataset.train.x, again.train.x)
    for split in (dataset.train, dataset.validation, dataset.test):
        assert split.x.dtype == torch.float32
        assert split.x.min() >= 0
        assert split.x.max() <= 1
        assert split.labels.dtype == torch.int64
        assert set(split.labels.tolist()) == set(range(len(dataset.class_names)))
        assert split.factors["gates"].dtype == torch.bool
    directions = dataset.truth["true_atoms"]
    assert torch.allclose(directions.norm(dim=1), torch.ones(20))
    assert float(directions[11] @ directions[12]) == pytest.approx(source.correlation, abs=1e-3)
    names, parents = dataset.truth["gate_names"], dataset.truth["parents"]
    assert {names[i]: names[int(parents[i])] for i in range(20) if parents[i] >= 0} == {
        f"{letter}{number}": letter for letter in "ABC" for number in (1, 2, 3)
    }


@pytest.mark.slow
@pytest.mark.parametrize(("name", "source"), [("hierarchy", Hierarchy), ("hierarchy-correlated", CorrelatedHierarchy)])
def test_the_whole_set(name: str, source: type[Hierarchy]) -> None:
    assert type(load_source(DATASET_REGISTRY.find(name))) is source
    dataset = source().load(Path("unused"))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (200_000, 10_000, 10_000)
    clipped = torch.cat([((s.x == 0) | (s.x == 1)).double() for s in (dataset.train, dataset.validation, dataset.test)])
    assert clipped.mean() < 1e-5
