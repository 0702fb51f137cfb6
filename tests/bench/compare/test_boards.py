"""From records to boards, on a study small enough to check by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scipy import stats as reference

from bench.compare.boards import Board, Column, build, caveats, not_ranked
from bench.compare.pairs import compare
from bench.show import tables
from bench.show.report.coverage import coverage
from bench.show.report.provenance import provenance
from bench.store.labs import Labs
from bench.store.record import Hardware, Provenance, Record, RunError, Software
from bench.store.spec import RunSpec
from metrics.base import MetricInfo

COLUMNS = [
    Column("loss", MetricInfo("loss", "min", "nats", "[0, inf)", "a test", headline=True)),
    Column("score", MetricInfo("score", "max", "", "[0, 1]", "a test", headline=True)),
    Column("size", MetricInfo("size", "none", "", "[0, inf)", "a test")),
]


def record(
    model: str, seed: int, loss: float | None, *, score: float | None = None, end: str = "1", **spec: Any
) -> Record:
    fields: dict[str, Any] = {
        "model": model,
        "model_reference": model,
        "config": {},
        "dataset": "toy",
        "dataset_reference": "toy",
        "dataset_checksum": "abc",
        "settings": "native",
        "budget": "quick",
        "seed": seed,
    }
    run = RunSpec(**(fields | spec))
    made = Provenance(
        software=Software(commit="c0", dirty=False, python="3", torch="2", numpy="2"),
        hardware=Hardware(cpu="z", cores=2),
        device="cpu",
        threads=2,
        command="x",
        start="0",
        end=end,
    )
    metrics = {k: v for k, v in {"loss": loss, "score": score, "size": 3.0}.items() if v is not None}
    if loss is None:
        error = RunError(type="ValueError", message="broke | badly <b>\nsecond line", traceback="...")
        return Record(run_id=run.run_id, spec=run, status="failed", error=error, provenance=made)
    return Record(run_id=run.run_id, spec=run, status="done", metrics=metrics, provenance=made)


def study() -> list[Record]:
    #  model   loss by seed 0 to 4           mean   note
    #  good    1.0  1.1  1.2  1.0  1.2       1.1    best
    #  same    1.1  1.0  1.25 1.0  1.25      1.12   not told from good
    #  bad     3.0  3.1  3.2  3.0  3.2       3.1    told: differences are all 2
    #  broken  failed 3.0 failed ...                one seed only: not compared
    losses: dict[str, tuple[float | None, ...]] = {
        "good": (1.0, 1.1, 1.2, 1.0, 1.2),
        "same": (1.1, 1.0, 1.25, 1.0, 1.25),
        "bad": (3.0, 3.1, 3.2, 3.0, 3.2),
        "broken": (None, 3.0, None, None, None),
    }
    return [
        record(model, seed, loss, score=0.5 if model == "good" else None)
        for model, values in losses.items()
        for seed, loss in enumerate(values)
    ]


def board() -> Board:
    (only,) = build(study(), COLUMNS)
    return only


def test_rows_are_ranked_with_intervals_and_ties() -> None:
    rows = board().rows
    assert [row.label for row in rows] == ["good", "same", "broken", "bad"]
    assert rows[0].intervals["loss"].mean == pytest.approx(1.1)
    assert rows[0].intervals["loss"].half_width == pytest.approx(2.776445 * 0.1 / 5**0.5, rel=1e-5)
    assert board().ties["loss"] == {"good", "same"}
    assert "size" not in board().ties, "a description is not ranked"


def test_boards_are_split_by_dataset_setting_and_budget() -> None:
    records = [record("m", 0, 1.0), record("m", 0, 2.0, dataset="other"), record("m", 0, 3.0, budget="full")]
    assert len(build(records, COLUMNS)) == 3


def test_runs_of_older_code_are_left_out_and_counted() -> None:
    old = [record("m", seed, 1.0, end="1", code="a") for seed in range(3)]
    (only,) = build([record("m", 0, 2.0, end="2", code="b"), *old], COLUMNS)
    assert only.rows[0].values["loss"] == {0: 2.0}
    assert only.superseded == 3
    assert "3 older runs" in tables.markdown([only])
    assert "toy, native setting, quick budget: 3 older runs of other hyper" in caveats(only)[0]


def test_runs_of_another_version_never_share_a_mean() -> None:
    old, new, killed = (record("m", seed, 1.0 + seed, end=str(seed)) for seed in range(3))
    for run, version in ((old, "0.1"), (new, "0.2")):
        assert run.provenance.software
        run.provenance.software.bench = version
    killed.provenance = Provenance(end="9")  # by a process that could not say
    (only,) = build([old, new, killed], COLUMNS)
    assert only.rows[0].values["loss"] == {1: 2.0, 2: 3.0}
    assert only.superseded == 1


def test_no_row_is_best_by_bounds_of_different_likelihoods() -> None:
    bound = Column("loss", replace(COLUMNS[0].info, given="likelihood"))
    runs = [
        record(model, seed, level + 0.01 * seed * (-1) ** level, config={"likelihood": f"L{level}"})
        for model, level in (("a", 1), ("b", 2))
        for seed in range(5)
    ]
    own = [record("own", seed, 3.0 + 0.1 * seed) for seed in range(5)]  # does not say what its likelihood is
    (mixed,) = build([*runs, *own], [bound])
    assert mixed.columns[0].info.direction == "none"
    assert mixed.ties == {}
    for text in (tables.markdown([mixed]), " ".join(provenance([mixed], Labs())["warnings"])):
        assert "rows differ in their likelihood, so none is best by loss" in text
    assert not [c.better for c in compare(mixed, "a", "b", mixed.columns) if c.better]
    (same,) = build([*runs[:5], *own], [bound])
    assert same.ties == {"loss": {"a"}}
    assert "likelihood" not in tables.markdown([same])


def test_no_row_is_best_by_a_metric_that_was_edited_between_them() -> None:
    runs = [record(model, seed, level + 0.1 * seed) for model, level in (("a", 1), ("b", 2)) for seed in range(5)]
    for run in runs:
        run.metric_code["loss"] = "2" if run.spec.model == "a" else "1"
    (mixed,) = build(runs, COLUMNS)
    assert [len(row.values["loss"]) for row in mixed.rows] == [5, 5]
    assert mixed.ties == {}
    assert "rows differ in their code, so none is best by loss" in tables.markdown([mixed])
    for run in runs:
        run.metric_code["loss"] = "2"
    assert build(runs, COLUMNS)[0].ties == {"loss": {"a"}}


def test_runs_on_other_data_are_on_a_board_of_their_own() -> None:
    boards = build([record("m", 0, 1.0), record("m", 0, 5.0, dataset_checksum="fed")], COLUMNS)
    assert [board.title.partition(",")[0] for board in boards] == ["toy (data abc)", "toy (data fed)"]


def test_a_metric_that_failed_for_one_seed_says_over_how_many_it_is() -> None:
    runs = [record("m", seed, 1.0) for seed in range(3)]
    del runs[2].metrics["loss"]
    runs[2].metric_errors["loss"] = "ValueError: the metric is NaN"
    built = build(runs, COLUMNS)
    assert "1 (2/3)" in tables.text(built[0])
    assert "m, seed 2, loss failed: ValueError" in tables.markdown(built)


def test_a_metric_of_several_scalars_is_several_columns() -> None:
    run = record("m", 0, 1.0)
    run.metrics |= {"curve.a": 1.0, "curve.b": 2.0}
    curve = Column("curve", MetricInfo("curve", "none", "", "", "a test"))
    frame = tables.frame(build([run], [*COLUMNS, curve]))
    assert frame[["curve.a", "curve.b"]].to_numpy().tolist() == [[1.0, 2.0]]


def test_variants_are_rows() -> None:
    records = [record("m", 0, 1.0, variant={"k": k}, config={"k": k}) for k in (4, 8)]
    (only,) = build(records, COLUMNS)
    assert sorted(row.label for row in only.rows) == ["m k=4", "m k=8"]


def test_a_row_without_a_seed_has_no_interval_and_a_value_for_every_seed() -> None:
    losses = {"noisy": (1.0, 1.1, 1.2, 1.0, 1.2), "same": (0.5, 0.5, 0.5)}
    runs = [record(model, seed, loss) for model, values in losses.items() for seed, loss in enumerate(values)]
    once = record("once", 0, 1.25)
    once.deterministic = True
    (only,) = build([*runs, once], COLUMNS)
    rows = {row.label: row for row in only.rows}
    assert {label: row.deterministic for label, row in rows.items()} == {"noisy": False, "same": True, "once": True}
    assert [rows[label].intervals["loss"].half_width for label in ("same", "once")] == [None, None]
    assert rows["once"].values["loss"] == dict.fromkeys(range(5), 1.25)
    assert only.ties["loss"] == {"same"}
    p = reference.ttest_1samp(losses["noisy"], 1.25).pvalue
    (found, *_) = compare(only, "noisy", "once", only.columns)
    assert (found.seeds, found.better) == (5, "noisy" if p <= 0.05 else "")
    lines = [line.split("|")[1:4] for line in tables.markdown([only]).splitlines() if line.startswith("| ")]
    assert [[cell.strip() for cell in line] for line in lines if line[1].strip() == "fixed"] == [
        ["same", "fixed", "**0.5000**"],
        ["once", "fixed", "1.250"],
    ]
    assert [row["deterministic"] for row in tables.as_dict([only])["boards"][0]["rows"]] == [True, False, True]
    apart = [record("noisy", seed, 1.0 + seed) for seed in (7, 8)]
    (mixed,) = build([*apart, once], COLUMNS)
    assert mixed.seeds == [7, 8], "the seed of a run that needs none is none of the board's"
    assert "| noisy | 2/2 " in " ".join(tables.markdown([mixed]).split("\n")).replace("  ", " ").replace("  ", " ")
    cells = {row["label"]: [cell["status"] for cell in row["cells"]] for row in coverage([mixed])["tables"][0]["rows"]}
    assert cells == {"noisy": ["done", "done"], "once": ["done", "not run"]}
    for run in runs:
        run.deterministic = True
    (lied,) = build(runs, COLUMNS)
    assert {row.label: row.deterministic for row in lied.rows} == {"noisy": False, "same": True}, "numbers tell"


def test_a_row_is_fixed_only_where_no_number_varies_but_costs() -> None:
    runs = [record(model, seed, 0.5) for model in ("described", "timed") for seed in range(3)]
    for run in runs:
        run.metrics["size" if run.spec.model == "described" else "train_seconds"] = float(run.spec.seed)
    (only,) = build(runs, [*COLUMNS, Column("train_seconds", MetricInfo("time", "none", "s", "", "a test"))])
    rows = {row.label: row for row in only.rows}
    assert {label: row.deterministic for label, row in rows.items()} == {"described": False, "timed": True}
    assert rows["described"].intervals["size"].half_width is not None


def test_metrics_that_unlike_code_computed_are_named() -> None:
    runs = [record(model, 0, 1.0) for model in "ab"]
    codes = {run.run_id: {"loss": run.spec.model, "size": "c", "train_seconds": run.spec.model} for run in runs}
    (only,) = build(runs, COLUMNS, codes)
    words = "toy, native setting, quick budget: 1 metric computed by unlike code: loss; `python -m bench evaluate`"
    assert caveats(only)[0].startswith(words)
    assert words in tables.markdown([only])


def test_a_board_says_why_nothing_is_marked() -> None:
    few = [record(model, seed, 1.0 + seed) for model in "ab" for seed in range(4)]
    (only,) = build(few, COLUMNS)
    assert only.ties == {}
    reason = "toy, native setting, quick budget: nothing is marked, as a mark takes 5 seeds that the rows share"
    assert not_ranked(only) == [reason]
    assert reason in tables.markdown([only])
    bought = Column("loss", replace(COLUMNS[0].info, against="paid"))
    (unpaid,) = build(study(), [bought])
    assert not_ranked(unpaid) == [
        "toy, native setting, quick budget: loss [nats] ↓ is bought with paid, which was not measured: it has no marks"
    ]


def test_a_column_that_is_bought_is_marked_among_rows_that_pay_alike() -> None:
    columns = [Column("loss", replace(COLUMNS[0].info, against="size")), COLUMNS[2]]
    runs = study()
    for run in runs:
        run.metrics["size"] = 20.0 if run.spec.model == "good" else 10.0
    (only,) = build(runs, columns)
    assert only.ties == {"loss": {"same"}}, "good pays twice as much"
    assert "loss: compared with rows whose size is as low (within 10%) or lower." in tables.markdown([only])


def test_columns_of_one_metric_have_the_order_of_the_record_that_has_most() -> None:
    runs = [record("small", 0, 1.0), record("large", 0, 2.0)]
    for run, sizes in zip(runs, ((1, 2, 50), (1, 2, 5, 10, 50)), strict=True):
        run.metrics.update({f"babel.{size}": 1.0 for size in sizes})
    (board,) = build(runs, [Column("babel", MetricInfo("Babel", "min", "", "", ""))])
    assert [column.name for column in board.columns] == [f"babel.{size}" for size in (1, 2, 5, 10, 50)]
