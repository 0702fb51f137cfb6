"""What the shown runs left, as the page draws it."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.show import report
from bench.show.report.artefacts import Left, gather
from bench.show.report.structure import structure
from bench.show.tables import Tables
from bench.store.legend import Legend, MetricEntry
from bench.store.runs import RunStore
from bench.store.views import Views
from metrics.base import Dimension, MetricInfo
from tests.bench.show.report import factory
from tests.results import put

DIMENSIONS: dict[str, tuple[Dimension, ...]] = {
    "rates": ("class", "unit"), "gamma": ("class", "unit"), "m": ("class", "class"),
    "density": ("unit",), "norms": ("unit",), "tiny": ("unit",), "c": ("unit",),
}  # fmt: skip


def legend(*names: str) -> Legend:
    """Metrics with these names that are declared to be arrays, each with a label of its own."""
    return Legend(
        metrics={
            name: MetricEntry(info=MetricInfo(f"the {name}", "none", "", "", "", dimensions=DIMENSIONS[name]))
            for name in names or DIMENSIONS
        }
    )


DAMAGED = {
    "no numbers": {"rates": np.array([["a", "b"]] * 3), "density": np.array(["x", "y"]), "m": np.eye(2) * 1j},
    "other numbers": {"rates": np.eye(3, dtype=">u2"), "density": np.array([True, False]), "m": np.eye(2) > 0},
    "none": {"rates": np.full((3, 4), np.nan), "density": np.full(4, np.inf), "m": np.full((2, 2), np.nan)},
    "hardly different": {
        "norms": np.array([0.1, np.nextafter(0.1, 1)]),
        "tiny": np.array([0, 1e-307]),
        "c": np.ones(9),
    },
    "huge": {"density": np.array([1e308, -1e308, 0.0]), "m": np.full((2, 2), 1e308)},
    "empty": {"rates": np.zeros((3, 0)), "density": np.zeros(0), "m": np.zeros((0, 0))},
}


@pytest.mark.parametrize("arrays", DAMAGED.values(), ids=DAMAGED)
def test_no_array_costs_the_page(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    records = [factory.record("a", "mnist", 0, {"fvu": 1.0})]
    store = RunStore(tmp_path)
    put(store, records[0])
    folder = store.folder(records[0].run_id)
    np.savez(folder.path / "arrays.npz", allow_pickle=False, **arrays)
    (folder.path / "history.csv").write_text("step,total\n,1\ninf,2\n3,0.5\n", encoding="utf-8")
    (folder.path / "legend.json").write_text(legend().model_dump_json(), encoding="utf-8")
    report.write(records, Tables(factory.boards_of(records)), tmp_path, store)
    ((found,),) = structure(factory.boards_of(records)[0], gather(store, records)).values()
    assert found["history"] == {"x": [3.0], "terms": {"total": [0.5]}}
    for item in found["vectors"].values():
        assert all(b > a for a, b in pairwise(item["edges"]))


def test_units_are_ordered_by_role_and_the_last_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    board = factory.boards_of([factory.record("a", "mnist", 0, {"fvu": 1.0})])[0]
    rates = np.array([[0.0, 0.6, 0.9, 0.2], [0.0, 0.1, 0.9, 0.2]])
    gamma = np.array([[0.1, 0.2, 0.4, 0.6], [0.5, 0.7, 0.8, 1.0]])
    views = Views(
        class_names=np.array(["x", "y"]),
        unit_roles=np.array(["dead", "exclusive", "global", "no role"]),
        unit_order=np.array([2, 1, 3, 0]),
    )
    for names, values in ((("rates",), rates), (("gamma", "rates"), gamma)):
        left = Left({"rates": rates, "gamma": gamma}, views=views, legend=legend(*names))
        kept = {board.records[0].run_id: left}
        found = structure(board, kept)["a"][0]["units"]
        assert (found["label"], found["order"]) == (f"the {names[0]}", [2, 1, 3, 0])
        assert found["names"] == ["x", "y"]
        assert found["roles"] == [("global", 1), ("exclusive", 1), ("no role", 1), ("dead", 1)]
        steps = np.frombuffer(base64.b64decode(found["steps"]), np.uint8).reshape(2, 4)
        assert steps == pytest.approx(255 * values[:, [2, 1, 3, 0]], abs=0.51)
    monkeypatch.setattr("bench.show.report.structure.MOST_UNITS", 2)
    assert structure(board, kept)["a"][0]["units"]["order"] == [2, 1]


def test_structure_is_of_the_lowest_seed_that_is_done_and_rounded() -> None:
    records = [
        factory.record("a", "mnist", 0, status="failed", error="no"),
        factory.record("a", "mnist", 1, {"fvu": 1.0}),
        factory.record("b", "mnist", 0, {"fvu": 1.0}),
    ]
    arrays = {"m": np.array([[1.0, np.nan], [0.123456, 1.0]]), "density": np.arange(300.0), "t": np.zeros((2, 3))}
    history = {"step": [1.0, 2.0], "total": [0.5, float("nan")]}
    views = Views(class_names=np.array(["x", "y"]))
    left = {records[1].run_id: Left(arrays, history, views, legend())}
    found = {row: runs[0] for row, runs in structure(factory.boards_of(records)[0], left).items()}
    assert set(found) == {"a", "b"}
    assert (found["a"]["seed"], found["a"]["run"]) == (1, records[1].run_id)
    assert found["a"]["matrices"] == {"the m": {"values": [[1.0, None], [0.12, 1.0]], "names": ["x", "y"]}}
    unnamed = structure(factory.boards_of(records)[0], {records[1].run_id: Left(arrays, history, legend=legend())})
    assert unnamed["a"][0]["matrices"]["the m"]["names"] == ["class 1 of 2", "class 2 of 2"], (
        "never numbers like labels"
    )
    assert set(found["a"]["vectors"]) == {"the density"}
    counted = found["a"]["vectors"]["the density"]
    assert sum(counted["counts"]) + counted["zeros"] == 300
    assert found["a"]["history"] == {"x": [1.0, 2.0], "terms": {"total": [0.5, None]}}


def test_why_metrics_do_not_apply_is_by_metric() -> None:
    board = factory.boards_of([factory.record("a", "mnist", 0, {"fvu": 1.0})])[0]
    known = Legend(
        metrics={
            "fvu": MetricEntry(info=factory.infos()["fvu"]),
            "roles": MetricEntry(info=factory.infos()["roles"], not_applicable="no labels"),
        }
    )
    left = Left(legend=known, lacks=("It left no views.",))
    found = structure(board, {board.records[0].run_id: left})["a"][0]
    assert found["reasons"] == {"roles": "no labels"}
    assert found["lacks"] == ["It left no views."]
