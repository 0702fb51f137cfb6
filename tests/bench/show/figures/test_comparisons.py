"""Figures that compare the rows of a board: which rows, and what of them."""

from __future__ import annotations

import pytest

from bench.compare.boards import Board, Column, build
from bench.compare.columns import columns
from bench.show.figures.comparisons import comparisons, short_names
from bench.store.record import Record
from bench.store.runs import RunStore
from metrics.base import Axis, MetricInfo
from tests.bench.show.figures.drawn import entries
from tests.bench.show.report import factory

AXIS = Axis.single("size", {"1": 1, "2": 2, "5": 5})
COLUMNS = [
    Column("fvu", MetricInfo("FVU", "min", "", "", "", headline=True, against="l0", answer="reconstructs best")),
    Column("l0", MetricInfo("L0", "none", "", "", "", headline=True, price=True)),
    Column("probe", MetricInfo("probe", "max", "", "", "", curve=AXIS)),
]


def run(model: str, k: int, seed: int = 0, probe: float = 0.1, l0: float = 0.0) -> Record:
    scores = {"fvu": 1 / k, "l0": l0 or float(k), **{f"probe.{key}": probe * int(key) for key in AXIS.places}}
    return factory.record(model, seed=seed, metrics=scores, variant={"k": k} if k != 10 else None)


def board_of(*records: Record) -> Board:
    (board,) = build(records, COLUMNS)
    return board


def test_a_board_is_compared_by_its_fronts_and_curves(trained: RunStore) -> None:
    records = trained.scan().records
    infos = columns(records, trained)
    (board,) = build(records, infos)
    figures = comparisons(board)
    ranked = [column for column in board.headline if column.info.direction != "none" and column.name != "l0"]
    fronts = {f"front-{column.name.replace('_', '-')}" for column in ranked}
    curves = {"babel", "inference-fvu", "sparse-probe", "targeted-probe-perturbation", "truncated-probe"}
    assert {name for name in figures if not name.startswith("front-")} == curves
    assert {name for name in figures if name.startswith("front-")} <= fronts
    assert {"front-fvu", "front-probe-accuracy"} <= set(figures)
    assert set(entries(figures["inference-fvu"]())) == {"topk", "mp"}
    assert figures["inference-fvu"]().axes[0].get_ylabel() == "FVU at k'"
    (alone,) = build(records[:1], infos)
    assert comparisons(alone) == {}


def test_of_many_rows_the_one_of_each_model_at_a_common_price_is_compared() -> None:
    records = [run(model, k) for model in ("topk", "mp") for k in (2, 5, 10, 40, 80)]
    figures = comparisons(board_of(*records, run("relu", 10, l0=114)))
    assert sorted(entries(figures["probe"]())) == ["mp k=10 (L0 10)", "relu (L0 114)", "topk k=10 (L0 10)"]


def test_a_curve_is_of_the_mean_over_seeds_and_a_superseded_run_is_in_none() -> None:
    old = run("topk", 10, seed=7, probe=9.0)
    old = old.model_copy(update={"spec": old.spec.model_copy(update={"config": {"k": 10, "epochs": 1}})})
    old.provenance.end = "2020-01-01T00:00:00+00:00"
    board = board_of(old, run("topk", 10, 0, 0.1), run("topk", 10, 1, 0.3), run("mp", 10))
    assert board.superseded == 1
    figures = comparisons(board)
    lines = {line.get_label(): list(line.get_ydata()) for line in figures["probe"]().axes[0].lines}
    assert lines["topk"] == pytest.approx([0.2, 0.4, 1.0])
    (front,) = [points for points in figures["front-fvu"]().axes[0].collections if points.get_label() == "topk"]
    assert len(front.get_offsets()) == 1


def test_replicates_of_an_imported_recipe_are_one_row_whatever_their_code() -> None:
    records = [run("sae", 10, seed, probe=0.1 + 0.2 * seed) for seed in range(2)]
    imported = [
        record.model_copy(
            update={"spec": record.spec.model_copy(update={"model_reference": "sae:x", "code": f"code{seed}"})}
        )
        for seed, record in enumerate(records)
    ]
    lines = comparisons(board_of(*imported, run("mp", 10)))["probe"]().axes[0].lines
    assert {line.get_label(): list(line.get_ydata()) for line in lines}["sae"] == pytest.approx([0.2, 0.4, 1.0])


def test_names_tell_what_differs_on_the_board_also_of_rows_that_are_not_drawn() -> None:
    board = board_of(run("topk", 5), run("topk", 10), run("mp", 10))
    rows = {row.label: row for row in board.rows}
    assert short_names([rows["topk"], rows["mp"]], board) == ["topk k=10", "mp"]
