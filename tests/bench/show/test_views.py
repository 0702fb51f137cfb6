"""Views of trained models: they are what the model makes of the data, and fill the sheets that figures draw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.datasets.base import Dataset, Split
from bench.execute.build import load_trained
from bench.execute.outputs import Outputs, outputs_of
from bench.execute.traversing import TOP_SAMPLES
from bench.execute.views import MAX_ATOMS, UNLABELLED_EXAMPLES, views_of
from bench.show.sheets import sheets_of
from bench.store.runs import RunStore
from bench.store.views import Views
from metrics import matrix
from metrics.dimensions import roles
from models.base import Model
from models.mean import Mean, MeanConfig
from tests.bench.show.conftest import MODELS

SHEETS = {
    "vsc-aligned": {"reconstructions", "traversal-global", "top-samples"},
    "topk": {"reconstructions", "progressive", "traversal-class-specific", "top-samples", "atoms"},
    "mp": {"reconstructions", "progressive", "traversal-class-specific", "top-samples", "atoms"},
    "vae": {"reconstructions", "traversal-global", "top-samples"},
    "pca": {"reconstructions", "traversal-global", "top-samples", "atoms"},
    "mean": {"reconstructions"},
}


def model_of(store: RunStore, name: str, dataset: Dataset) -> Model:
    record = next(record for record in store.scan().records if record.spec.model == name)
    return load_trained(store.folder(record.run_id), record.spec, dataset)


def outputs(store: RunStore, name: str, dataset: Dataset) -> Outputs:
    return outputs_of(model_of(store, name, dataset), dataset, dataset.test)


@pytest.mark.parametrize("model", MODELS)
def test_each_model_fills_the_sheets_that_apply(trained: RunStore, digits: Dataset, model: str) -> None:
    views = views_of(outputs(trained, model, digits))
    assert views.missing.tolist() == []
    assert {sheet.name for sheet in sheets_of(views)} == SHEETS[model]


def test_what_a_run_keeps_are_its_views(trained: RunStore, digits: Dataset) -> None:
    made = views_of(outputs(trained, "topk", digits))
    record = next(record for record in trained.scan().records if record.spec.model == "topk")
    kept = Views.from_arrays(trained.folder(record.run_id).views())
    np.testing.assert_allclose(kept.outputs, made.outputs, atol=1e-3)
    np.testing.assert_allclose(kept.varied, made.varied, atol=1e-3)
    assert kept.varied_units.tolist() == made.varied_units.tolist()


def test_roles_of_units_are_those_that_the_metrics_count(trained: RunStore, digits: Dataset) -> None:
    found = outputs(trained, "vsc-aligned", digits)
    named, counted = views_of(found).unit_roles.tolist(), roles(found.values["active"], digits.test.labels)
    for role in ("global", "shared", "exclusive"):
        assert named.count(role) == counted[f"{role}@0.5"]
    assert named.count("dead") == counted["dead"]


def test_top_samples_are_those_with_the_largest_codes(trained: RunStore, digits: Dataset) -> None:
    found = outputs(trained, "topk", digits)
    views = views_of(found)
    assert views.top_inputs.shape[1:] == (TOP_SAMPLES, digits.n_features)
    for name, shown in zip(views.top_names.tolist(), views.top_inputs, strict=True):
        codes = found.values["z"][:, int(name.split(",")[0].removeprefix("unit "))]
        samples = [int((digits.test.x.numpy() == x).all(1).nonzero()[0][0]) for x in shown]
        assert codes[samples].tolist() == codes.topk(TOP_SAMPLES).values.tolist()


def test_codes_that_are_kept_sparse_give_the_same_views(
    trained: RunStore, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = views_of(outputs(trained, "mp", digits))
    monkeypatch.setattr(matrix, "MAX_ENTRIES", 1)
    sparse = views_of(outputs(trained, "mp", digits))
    assert dense.code_points.shape[0] == len(digits.test)
    for name, array in vars(dense).items():
        other = getattr(sparse, name)
        if array.dtype.kind == "f" and not name.endswith("_points"):  # a component's sign is open
            np.testing.assert_allclose(array, other, atol=1e-6)
        assert array.shape == other.shape
    assert dense.varied_units.tolist() == sparse.varied_units.tolist()
    assert dense.unit_order.tolist() == sparse.unit_order.tolist()


def test_codes_that_are_kept_sparse_are_decoded_to_the_same(
    trained: RunStore, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = outputs(trained, "mp", digits).values["x_hat"]
    monkeypatch.setattr(matrix, "MAX_ENTRIES", 1)
    sparse = outputs(trained, "mp", digits).values["x_hat"]
    np.testing.assert_allclose(dense.detach(), sparse.detach(), atol=1e-6)


def test_without_labels_there_are_views_without_classes(trained: RunStore, digits: Dataset) -> None:
    unlabelled = Split(digits.test.x, torch.full_like(digits.test.labels, -1))
    views = views_of(outputs_of(model_of(trained, "topk", digits), digits, unlabelled))
    assert views.input_names.size == views.class_names.size == views.varied.size == 0
    assert len(views.inputs) == UNLABELLED_EXAMPLES
    assert (views.code_classes == -1).all()


def test_atoms_are_sorted_by_use_and_those_never_used_left_out_unless_all_are(
    trained: RunStore, digits: Dataset
) -> None:
    found = outputs(trained, "topk", digits)
    atoms = np.arange(120.0).repeat(64).reshape(120, 64)
    active = torch.zeros(240, 120, dtype=torch.bool)
    for unit in range(120):
        active[: 2 * unit, unit] = True
    use = replace(found, values={"atoms": torch.from_numpy(atoms), "active": active, **_rest(found)})
    np.testing.assert_array_equal(views_of(use).atoms, atoms[::-1][:MAX_ATOMS])
    use.values["active"] = active & (torch.arange(120) >= 117)
    np.testing.assert_array_equal(views_of(use).atoms, atoms[[119, 118, 117]])
    use.values["active"] = torch.zeros_like(active)
    np.testing.assert_array_equal(views_of(use).atoms, atoms[:MAX_ATOMS])


def _rest(found: Outputs) -> dict[str, object]:
    return {name: value for name, value in found.values.items() if name in ("x", "x_hat", "z")}


def test_a_class_that_does_not_occur_is_not_named(digits: Dataset) -> None:
    some = digits.test.take((digits.test.labels == 3).nonzero().flatten())
    views = views_of(outputs_of(Mean(MeanConfig(), 64), replace(digits, test=some), some))
    assert views.class_names.tolist() == ["3"]


def test_a_part_that_cannot_be_made_costs_no_other(
    trained: RunStore, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(z: torch.Tensor) -> torch.Tensor:
        raise IndexError("too few\nrows")

    found = outputs(trained, "topk", digits)
    found.values["decode"] = broken
    views = views_of(found)
    told = views.missing.tolist()
    assert "rebuilding: IndexError: too few" in told
    assert {sheet.name for sheet in sheets_of(views)} >= {"reconstructions", "top-samples", "atoms"}


def test_views_of_noise_are_small(tmp_path: Path) -> None:
    x = torch.rand(60, 784)
    split = Split(x, torch.arange(60) % 20)
    for shape in ((28, 28), (784,)):
        dataset = Dataset(split, split, split, shape, tuple(map(str, range(20))))
        views = views_of(outputs_of(Mean(MeanConfig(n_latents=1), 784), dataset, split))
        np.savez_compressed(tmp_path / "views.npz", allow_pickle=False, **views.to_arrays())  # type: ignore[arg-type]
        assert (tmp_path / "views.npz").stat().st_size < 100_000
