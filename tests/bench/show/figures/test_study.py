"""Figures of trained runs: which are drawn, of what the runs left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from bench.show.figures.study import Drawings, drawings
from bench.store.legend import Legend, MetricEntry
from bench.store.record import Record
from bench.store.runs import RunStore
from metrics.base import MetricInfo
from tests.bench.show.figures.drawn import fits
from tests.bench.show.report import factory

ALWAYS = {"reconstructions", "roles", "density", "truncated-probe", "units", "unit-monosemanticity", "unit-purity"}
VARIED = {"traversal-class-specific"}
CODED = ALWAYS | {"class-gamma", "class-correlation", "sparse-probe", "targeted-probe-perturbation", "t-sne"}
DICTIONARY = {"atoms", "babel"}
SPARSE = CODED | DICTIONARY | VARIED | {"top-samples", "progressive", "inference-fvu", "training"}
EXPECTED = {
    "vsc-aligned": CODED | {"traversal-global", "top-samples", "training"},
    "topk": SPARSE,
    "mp": SPARSE,
    "vae": (CODED - {"class-gamma", "class-correlation"})
    | {"class-rates", "traversal-global", "top-samples", "training"},
    "pca": (CODED - {"class-gamma", "class-correlation"})
    | DICTIONARY
    | {"class-rates", "traversal-global", "top-samples"},
    "mean": {"reconstructions", "roles", "class-gamma"},
}


def record_of(store: RunStore, model: str) -> Record:
    return next(record for record in store.scan().records if record.spec.model == model)


def alone(root: Path) -> tuple[Record, RunStore]:
    """A run without training, and its store."""
    boards = factory.boards_of([factory.record("topk", "mnist", 0, factory.scores(0.1, np.zeros(8), 10.0))])
    return boards[0].records[0], factory.store_of(boards, root)


def without_traversals(figures: Drawings) -> set[str]:
    """Names of figures without those that depend on the roles of random units."""
    return {name for name in figures if not name.startswith("traversal-")}


@pytest.mark.parametrize("model", EXPECTED)
def test_each_model_gets_the_figures_that_apply(trained: RunStore, model: str) -> None:
    record = record_of(trained, model)
    assert set(drawings(record, trained.folder(record.run_id))) == EXPECTED[model]


def test_without_a_legend_only_views_and_training_are_drawn(tmp_path: Path) -> None:
    record, store = alone(tmp_path)
    folder = store.folder(record.run_id)
    (folder.path / "legend.json").unlink()
    sheets = {"reconstructions", "progressive", "top-samples", "atoms", "units"}
    assert without_traversals(drawings(record, folder)) == sheets | {"training"}


def test_names_of_classes_may_be_long_and_foreign(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    record, store = alone(tmp_path)
    folder = store.folder(record.run_id)
    with np.load(folder.path / "views.npz") as archive:
        views = dict(archive)
    for field in ("class_names", "input_names", "top_names"):
        views[field] = np.array([f"{name} 类🙂 {'of a long name ' * 20}" for name in views[field]])
    np.savez(folder.path / "views.npz", allow_pickle=False, **views)
    infos = {of: MetricInfo(of, "none", "", "", "", dimensions=("class", of)) for of in ("unit", "class")}
    legend = Legend(metrics={name: MetricEntry(info=info) for name, info in infos.items()})
    (folder.path / "legend.json").write_text(legend.model_dump_json(), encoding="utf-8")
    arrays = {"unit": np.ones((10, 256)), "class": np.eye(10)}
    np.savez(folder.path / "arrays.npz", allow_pickle=False, **arrays)  # type: ignore[arg-type]
    drawn = drawings(record, folder)
    assert {"reconstructions", "top-samples", "units", *infos} <= drawn.keys()
    for name, draw in drawn.items():
        assert name == "t-sne" or fits(draw()), name
    assert not recwarn.list


def test_an_array_is_drawn_by_its_dimensions_alone(tmp_path: Path) -> None:
    record, store = alone(tmp_path)
    folder = store.folder(record.run_id)
    infos = {
        "first": MetricInfo("first", "none", "", "", "", dimensions=("class", "unit")),
        "second": MetricInfo("second", "none", "", "", "", dimensions=("class", "unit")),
        "pairs": MetricInfo("pairs", "none", "", "", "", dimensions=("class", "class")),
        "of_units": MetricInfo("of units", "none", "", "", "", dimensions=("unit",)),
        "of_samples": MetricInfo("of samples", "none", "", "", "", dimensions=("sample",)),
        "of_another_shape": MetricInfo("other", "none", "", "", "", dimensions=("class", "unit")),
    }
    arrays = {"first": np.ones((10, 256)), "second": np.ones((10, 256)), "pairs": np.eye(10), "of_units": np.ones(256)}
    arrays |= {"of_samples": np.ones(7), "of_another_shape": np.ones(3)}
    legend = Legend(metrics={name: MetricEntry(info=info) for name, info in infos.items()})
    np.savez(folder.path / "arrays.npz", allow_pickle=False, **arrays)  # type: ignore[arg-type]
    (folder.path / "legend.json").write_text(legend.model_dump_json(), encoding="utf-8")
    sheets = {"reconstructions", "progressive", "top-samples", "atoms", "units"}
    assert without_traversals(drawings(record, folder)) - sheets == {"training", "first", "pairs", "of-units"}


def test_runs_that_cannot_be_drawn_say_why(tmp_path: Path) -> None:
    record, store = alone(tmp_path)
    folder = store.folder(record.run_id)
    with pytest.raises(BenchError, match="status 'failed'"):
        drawings(record.model_copy(update={"status": "failed"}), folder)
    path = folder.path / "views.npz"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BenchError, match=rf"views\.npz' is damaged .*bench evaluate {record.run_id}"):
        drawings(record, folder)
    np.savez(path, inputs=np.arange(3))
    with pytest.raises(BenchError, match=r"is not what a run leaves \(inputs is int64"):
        drawings(record, folder)
    path.unlink()
    with pytest.raises(BenchError, match=rf"left no views; `bench evaluate {record.run_id}` makes them"):
        drawings(record, folder)
