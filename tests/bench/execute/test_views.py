"""Views of a model are its numbers, as direct computation has them; a part that fails is named, the others stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute import views as making
from bench.execute.outputs import Outputs, outputs_of
from bench.execute.traversing import TOP_SAMPLES
from bench.execute.views import views_of
from bench.store.views import Views
from metrics.dimensions import class_rates, unit_roles
from models.topk import TopK
from models.vae import VAE


@pytest.fixture
def dataset(digits: Dataset) -> Dataset:
    return replace(digits, train=digits.train.head(300), test=digits.test.head(120))


def topk(dataset: Dataset, n_latents: int = 64) -> TopK:
    model = TopK(TopK.Config(n_latents=n_latents, k=4), dataset.n_features)
    model.prepare(dataset.train.x, dataset.train.labels)
    return model


@pytest.fixture
def model(dataset: Dataset) -> TopK:
    return topk(dataset)


@pytest.fixture
def outputs(dataset: Dataset, model: TopK) -> Outputs:
    return outputs_of(model, dataset, dataset.test)


@pytest.fixture
def views(outputs: Outputs) -> Views:
    return views_of(outputs)


def test_reconstructions_are_of_the_first_sample_of_each_class(
    dataset: Dataset, outputs: Outputs, views: Views
) -> None:
    first = [dataset.test.labels.tolist().index(label) for label in range(10)]
    np.testing.assert_array_equal(views.inputs, dataset.test.x[first])
    np.testing.assert_array_equal(views.outputs, outputs.values["x_hat"][first])
    assert views.input_names.tolist() == list(dataset.class_names)
    assert views.image_shape.tolist() == [8, 8]
    assert views.missing.size == 0


def test_atoms_are_those_in_use_most_used_first(outputs: Outputs, views: Views) -> None:
    use = outputs.values["active"].sum(0).numpy()
    order = np.argsort(-use, kind="stable")
    np.testing.assert_array_equal(views.atoms, outputs.values["atoms"].detach()[order[: (use > 0).sum()]])


def test_classes_and_roles_are_those_of_the_metrics(dataset: Dataset, outputs: Outputs, views: Views) -> None:
    rates = class_rates(outputs.values["active"], dataset.test.labels)
    assert views.class_names.tolist() == list(dataset.class_names)
    assert views.unit_roles.tolist() == unit_roles(rates)
    assert sorted(views.unit_order.tolist()) == list(range(64))
    assert views.categories.size == 0
    parity = replace(dataset, categories=tuple("odd" if c % 2 else "even" for c in range(10)))
    assert views_of(replace(outputs, dataset=parity)).categories.tolist() == list(parity.categories or ())


def test_rebuilding_starts_from_nothing_and_ends_in_the_reconstruction(outputs: Outputs, views: Views) -> None:
    assert views.built_budgets.tolist() == [1, 2, 3, 4]
    assert views.built.shape == (3, 5, 64)
    with torch.no_grad():
        x = torch.from_numpy(views.built_inputs)
        nothing = outputs.values["decode"](torch.zeros(3, 64))
        np.testing.assert_allclose(views.built[:, 0], nothing, atol=1e-6)
        for place, budget in enumerate(views.built_budgets.tolist()):
            codes = outputs.model.encode_with_budget(x, budget)
            np.testing.assert_allclose(views.built[:, 1 + place], outputs.model.decode(codes), atol=1e-6)
        np.testing.assert_allclose(views.built[:, -1], outputs.model.decode(outputs.model.encode(x)), atol=1e-6)


def distances(points: np.ndarray | Tensor) -> np.ndarray:
    points = np.asarray(points, np.float64)
    return np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1))


@pytest.mark.parametrize("n_latents", [30, 64])
def test_points_keep_their_distances(dataset: Dataset, n_latents: int) -> None:
    """Of 64 units 50 components are left, which hold nearly all of the spread; 30 units are as they were."""
    outputs = outputs_of(topk(dataset, n_latents), dataset, dataset.test)
    views = views_of(outputs)
    assert views.code_points.shape == (120, min(n_latents, 50))
    z = outputs.values["z"].double()
    _, singular, right = torch.linalg.svd(z - z.mean(0), full_matrices=False)
    projected = (z - z.mean(0)) @ right[:50].T
    np.testing.assert_allclose(distances(views.code_points), distances(projected), atol=1e-6)
    assert singular[50:].square().sum() < 0.05 * singular.square().sum()
    assert views.code_classes.tolist() == dataset.test.labels.tolist()
    use = outputs.values["active"].sum(0)
    order = torch.argsort(-use, stable=True)
    atoms = outputs.values["atoms"][order[: int((use > 0).sum())]]
    assert len(views.atom_points) == len(atoms)
    rates = class_rates(outputs.values["active"], dataset.test.labels)
    assert views.atom_classes.tolist() == rates.argmax(0)[order[: len(atoms)]].tolist()


def test_without_classes_there_are_samples_and_codes_and_no_roles(dataset: Dataset) -> None:
    split = Split(dataset.test.x, torch.full((120,), -1))
    views = views_of(outputs_of(topk(dataset), dataset, split))
    assert views.inputs.shape == (10, 64)
    assert set(views.code_classes.tolist()) == {-1}
    empty = ("class_names", "unit_roles", "input_names", "varied", "top_inputs", "atom_points", "missing")
    assert [name for name in empty if getattr(views, name).size] == []
    assert views.atoms.size


def test_samples_without_a_label_are_of_no_class(dataset: Dataset) -> None:
    known = torch.arange(120) % 4 > 0
    split = Split(dataset.test.x, torch.where(known, dataset.test.labels, -1))
    outputs = outputs_of(topk(dataset), dataset, split)
    views = views_of(outputs)
    assert views.missing.size == 0
    assert views.class_names.tolist() == list(dataset.class_names)
    assert views.code_classes.tolist() == split.labels.tolist()
    rates = class_rates(outputs.values["active"][known], dataset.test.labels[known])
    assert views.unit_roles.tolist() == unit_roles(rates)


def test_labels_1_5_and_9_of_ten_have_the_names_of_these(dataset: Dataset) -> None:
    kept = torch.isin(dataset.test.labels, torch.tensor([1, 5, 9]))
    names = tuple(f"class {letter}" for letter in "abcdefghij")
    split = Split(dataset.test.x[kept], dataset.test.labels[kept])
    views = views_of(outputs_of(topk(dataset), replace(dataset, class_names=names), split))
    assert views.class_names.tolist() == views.input_names.tolist() == ["class b", "class f", "class j"]
    assert [[1, 5, 9][index] for index in views.code_classes] == split.labels.tolist()


def test_classes_that_do_not_occur_have_no_number(dataset: Dataset) -> None:
    kept = dataset.test.labels >= 7
    split = Split(dataset.test.x[kept], dataset.test.labels[kept])
    views = views_of(outputs_of(topk(dataset), dataset, split))
    assert views.class_names.tolist() == views.input_names.tolist() == ["7", "8", "9"]
    assert (views.code_classes + 7).tolist() == split.labels.tolist()


def test_a_model_without_atoms_or_a_budget_has_no_such_views(dataset: Dataset) -> None:
    model = VAE(VAE.Config(n_latents=8, hidden=8), dataset.n_features)
    views = views_of(outputs_of(model, dataset, dataset.test))
    assert [name for name in ("atoms", "atom_points", "built", "missing") if getattr(views, name).size] == []
    assert views.outputs.shape == (10, 64)


def test_units_that_are_never_on_leave_the_rest_as_it_is(dataset: Dataset) -> None:
    model = topk(dataset)
    with torch.no_grad():
        model.encoder_bias.fill_(-1e6)
    views = views_of(outputs_of(model, dataset, dataset.test))
    assert views.missing.size == 0
    assert set(views.unit_roles.tolist()) == {"dead"}
    assert views.atoms.shape == (64, 64), "those that are never used, where all are"
    assert views.varied.size == views.top_inputs.size == views.atom_points.size == 0


def test_one_sample_has_views(dataset: Dataset) -> None:
    views = views_of(outputs_of(topk(dataset), dataset, dataset.test.head(1)))
    assert views.missing.size == 0
    assert views.inputs.shape == (1, 64)


class Odd(TopK):
    """A model of one's own that cannot do a thing or two."""

    def encode_with_budget(self, x: Tensor, k: int) -> None:  # type: ignore[override]
        raise SystemExit("no\nsuch thing")


def test_a_part_that_cannot_be_made_is_named_and_the_rest_stands(dataset: Dataset, model: TopK, views: Views) -> None:
    odd = Odd(TopK.Config(n_latents=64, k=4), dataset.n_features)
    odd.load_state_dict(model.state_dict())
    found = views_of(outputs_of(odd, dataset, dataset.test))
    assert found.missing.tolist() == ["rebuilding: SystemExit: no"]
    assert found.built.size == 0
    for name in ("inputs", "outputs", "atoms", "varied", "top_inputs", "code_points"):
        assert getattr(found, name).shape == getattr(views, name).shape, name


def test_each_part_fails_alone(outputs: Outputs, views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise IndexError("beyond the end")

    for function in ("_examples", "_atoms", "traversals", "top_samples", "_built", "_code_points", "_atom_points"):
        with monkeypatch.context() as patch:
            patch.setattr(making, function, fails)
            found = views_of(outputs)
        (reason,) = found.missing.tolist()
        assert reason.endswith(": IndexError: beyond the end")
        assert len(found.to_arrays()) < len(views.to_arrays()) + 1
        assert found.class_names.tolist() == views.class_names.tolist()


def test_views_of_few_samples_name_fewer_top_samples(dataset: Dataset) -> None:
    views = views_of(outputs_of(topk(dataset), dataset, dataset.test.head(5)))
    assert views.top_inputs.shape[1] == 5 < TOP_SAMPLES
