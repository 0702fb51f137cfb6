"""What is kept of units: the samples that activate them most, as direct computation has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.datasets.scaling import Scaling
from bench.execute import units as making
from bench.execute.outputs import Outputs, outputs_of
from bench.execute.units import AFTER, BEFORE, TOPS, chosen_units
from bench.execute.views import views_of
from bench.store.views import Views
from metrics.dimensions import class_rates
from models.identity import Identity
from models.topk import TopK


def outputs_of_topk(dataset: Dataset, split: Split | None = None) -> Outputs:
    model = TopK(TopK.Config(n_latents=64, k=4), dataset.n_features)
    model.prepare(dataset.train.x, dataset.train.labels)
    return outputs_of(model, dataset, split or dataset.test)


def stored(outputs: Outputs) -> Views:
    """What comes back from the file is checked to fit."""
    views = views_of(outputs)
    assert views.missing.tolist() == []
    return Views.from_arrays(views.to_arrays())


@pytest.fixture
def dataset(digits: Dataset) -> Dataset:
    return replace(digits, train=digits.train.head(300), test=digits.test.head(120))


def test_samples_are_those_with_the_largest_codes(dataset: Dataset) -> None:
    outputs = outputs_of_topk(dataset)
    views, z = stored(outputs), outputs.values["z"].numpy()
    live = np.flatnonzero((z != 0).any(0))
    assert views.shown_units.tolist() == live.tolist()
    assert views.n_units_on.tolist() == [len(live), 64]
    rates = class_rates(outputs.values["active"], dataset.test.labels).numpy()
    np.testing.assert_allclose(views.unit_rates, rates.T[live], atol=1e-3)
    assert views.shown_shape.tolist() == [8, 8]
    for i, unit in enumerate(live):
        on = np.flatnonzero(z[:, unit])
        expected = on[np.argsort(-z[on, unit], kind="stable")][:TOPS]
        tops = views.unit_tops[i][: len(expected)]
        np.testing.assert_allclose(views.shown_inputs[tops], dataset.test.x[expected], atol=1e-3)
        np.testing.assert_allclose(views.unit_values[i][: len(expected)], z[expected, unit], rtol=1e-3)
        assert views.shown_classes[tops].tolist() == dataset.test.labels[expected].tolist()
        assert set(views.unit_tops[i][len(expected) :]) <= {-1}
        assert views.unit_counts[i].sum() == len(on)


def test_of_many_units_the_extremes_of_density_are_among_those_that_are_shown() -> None:
    use = np.random.default_rng(0).permutation(1000)
    found = chosen_units(use, most=40)
    assert len(found) == len(set(found)) == 40
    ranks = np.sort(use[found])
    assert ranks[:10].tolist() == list(range(1, 11)), "a unit that is never on is not shown"
    assert ranks[-10:].tolist() == list(range(990, 1000))
    assert np.diff(ranks[10:30]).max() < 60
    assert chosen_units(np.array([0, 3, 0, 1]), 40).tolist() == [1, 3]
    assert len(chosen_units(use, 0)) == 4


def test_without_classes_and_where_nothing_can_be_looked_at_units_are_there(dataset: Dataset) -> None:
    wide = replace(dataset, image_shape=(64,))
    with_long_rows = replace(wide, **{n: Split(s.x.repeat(1, 2), None) for n, s in dataset.splits.items()})  # type: ignore[arg-type]
    views = stored(outputs_of_topk(replace(with_long_rows, image_shape=(128,))))
    assert len(views.shown_units) > 10
    assert views.shown_inputs.size == views.unit_rates.size == 0
    assert set(views.shown_classes.tolist()) == {-1}


def test_rows_are_in_the_units_of_the_data_with_their_names(dataset: Dataset) -> None:
    scaling = Scaling("rms", torch.tensor(3.0), torch.tensor(0.25))
    names = tuple(f"row {i}" for i in range(120))
    split = replace(dataset.test, x=scaling.of(dataset.test.x), names=names)
    table = replace(
        dataset, test=split, image_shape=(64,), scaling=scaling, feature_names=tuple(f"f{i}" for i in range(64))
    )
    views = stored(outputs_of_topk(table))
    place = names.index(views.shown_names[5])
    np.testing.assert_allclose(views.shown_inputs[5], dataset.test.x[place], atol=2e-3)
    assert views.feature_names.tolist() == [f"f{i}" for i in range(64)]


def test_a_large_picture_is_thinned_out(dataset: Dataset) -> None:
    def enlarged(split: Split) -> Split:
        return replace(split, x=split.x.view(-1, 1, 8, 8).repeat_interleave(13, 2).repeat_interleave(13, 3).flatten(1))

    views = stored(outputs_of_topk(replace(dataset.with_splits(enlarged), image_shape=(1, 104, 104))))
    assert views.shown_shape.tolist() == [1, 35, 35]


def test_inputs_made_of_images_show_these(dataset: Dataset) -> None:
    names = tuple(f"{i}.png" for i in range(120))
    seen = replace(dataset, test=replace(dataset.test, names=names), picture=lambda name: _flat(int(name[:-4])))
    views = stored(outputs_of_topk(seen))
    assert views.shown_shape.tolist() == [48, 48, 3]
    assert [f"{round(120 * float(x[0]))}.png" for x in views.shown_inputs] == views.shown_names.tolist()


def _flat(number: int) -> np.ndarray:
    return np.full((48, 48, 3), number / 120, np.float32)


def of_tokens() -> Dataset:
    """Texts of 40 tokens; the identity's unit j is token j's own number."""
    rng = np.random.default_rng(0)

    def split(n_texts: int) -> Split:
        n = 40 * n_texts
        known = {"group": torch.arange(n) // 40 + 7, "position": torch.arange(n) % 40}
        x = torch.from_numpy(rng.random((n, 5), np.float32)) * (torch.rand(n, 5) < 0.3)
        return Split(x, None, known, tuple(f"▁w{i}" for i in range(n)))  # type: ignore[arg-type]

    return Dataset(split(3), split(2), split(6), (5,), ())


@pytest.mark.parametrize("n", [None, 60])
def test_contexts_are_those_of_the_whole_text(n: int | None) -> None:
    """Also where some tokens alone are evaluated."""
    dataset = of_tokens()
    split = dataset.test.spread(n)
    views = stored(outputs_of(Identity(Identity.Config(), 5), dataset, split))
    whole: Tensor = dataset.test.x
    assert views.contexts.shape[1] == BEFORE + 1 + AFTER
    assert views.shown_inputs.size == 0
    for i, unit in enumerate(views.shown_units.tolist()):
        for t, sample in enumerate(views.unit_tops[i]):
            if sample < 0:
                continue
            row = int(views.shown_names[sample][2:])
            near = [r if r // 40 == row // 40 and 0 <= r < 240 else -1 for r in range(row - BEFORE, row + AFTER + 1)]
            words = ["" if token < 0 else views.tokens[token] for token in views.contexts[sample]]
            assert words == ["" if r < 0 else f"▁w{r}" for r in near]
            codes = [0.0 if r < 0 else float(whole[r, unit]) for r in near]
            np.testing.assert_allclose(views.context_values[i, t], codes, atol=1e-3)
            assert views.context_values[i, t, BEFORE] == pytest.approx(views.unit_values[i, t], rel=1e-3)


def test_one_context_and_one_image_are_shown_once() -> None:
    dataset = of_tokens()
    views = stored(outputs_of(Identity(Identity.Config(), 5), dataset, dataset.test))
    for tops in views.unit_tops:
        rows = [int(views.shown_names[s][2:]) for s in tops if s >= 0]
        assert len({(r // 40, r % 40 // (BEFORE + 1 + AFTER)) for r in rows}) == len(rows)
    images = replace(dataset.test, names=tuple(f"{i // 40}.png" for i in range(240)))
    assert not making.are_tokens(images)
    views = stored(outputs_of(Identity(Identity.Config(), 5), replace(dataset, test=images), images))
    assert {len(set(views.shown_names[tops[tops >= 0]].tolist())) for tops in views.unit_tops} == {6}
