"""An assessment on a GPU, which is not there: its numbers and views are the CPU's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.datasets.base import Dataset
from bench.execute.assess import Assessment, assess
from bench.execute.build import build_model
from bench.execute.training import train
from tests.bench.execute.helpers import spec_of
from tests.gpu.pretended import GPU, NO_GRADIENT, pretended_gpu

ROUNDED = {"rtol": 1e-3, "atol": 1e-3}
"""Views are kept in half precision, and a GPU's probes have another solver."""


def small(digits: Dataset) -> Dataset:
    parts = {"train": digits.train.head(200), "validation": digits.validation.head(60), "test": digits.test.head(120)}
    return replace(digits, **parts, categories=tuple("odd" if digit % 2 else "even" for digit in range(10)))


def assert_alike(there: Assessment, here: Assessment) -> None:
    for found, expected in ((there.test, here.test), (there.validation, here.validation)):
        assert found.errors.keys() <= NO_GRADIENT
        assert found.not_applicable == expected.not_applicable
        for key, value in found.scalars.items():
            assert value == pytest.approx(expected.scalars[key], rel=1e-3, abs=1e-3), key
        assert found.arrays.keys() == expected.arrays.keys()
        for key, array in found.arrays.items():
            np.testing.assert_allclose(array, expected.arrays[key], **ROUNDED, err_msg=key)
    views, expected_views = there.views.to_arrays(), here.views.to_arrays()
    assert views.keys() == expected_views.keys()
    for key, array in views.items():
        compare = np.testing.assert_allclose if array.dtype.kind == "f" else np.testing.assert_array_equal
        compare(array, expected_views[key], **(ROUNDED if array.dtype.kind == "f" else {}), err_msg=key)


@pytest.mark.parametrize(("name", "most_entries"), [("vsc-aligned", 2**28), ("batchtopk", 2**28), ("mp", 0)])
def test_an_assessment_is_the_same_on_a_gpu(
    name: str, most_entries: int, tmp_path: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With codes in its memory, or kept sparse where they would not fit."""
    monkeypatch.setattr("metrics.matrix.MAX_ENTRIES", most_entries)
    spec, dataset = spec_of(tmp_path, models=name), small(digits)
    spec = spec.model_copy(update={"config": spec.config | {"n_latents": 24}})
    model, moved = build_model(spec, dataset), build_model(spec, dataset)
    train(model, dataset.train, 0, max_steps=20)
    moved.load_state_dict(model.state_dict())
    here = assess(model, dataset, spec, ["all"])
    with pretended_gpu(monkeypatch):
        there = assess(moved.to(GPU), dataset.to(GPU), spec, ["all"])
    assert here.test.scalars
    assert_alike(there, here)
