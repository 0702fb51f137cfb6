"""Two rows compared: paired over shared seeds, tested together, and silent where nothing can be said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.compare.boards import Board, Column, build
from bench.compare.marks import marked
from bench.compare.pairs import boards_with, compare
from bench.compare.stats import paired_p_value, t_interval
from bench.errors import BenchError
from bench.show.pairs import pairs_text
from bench.store.record import Record
from bench.store.spec import RunSpec
from metrics.base import MetricInfo


def column(name: str, direction: str = "min") -> Column:
    info = MetricInfo(name, direction, "", "[0, 1]", "definition", True)  # type: ignore[arg-type]
    return Column(name, info)


def record(model: str, seed: int, dataset: str = "digits", **metrics: float) -> Record:
    spec = RunSpec(
        model=model,
        model_reference=f"models.{model}:M",
        config={},
        dataset=dataset,
        dataset_reference="d",
        dataset_checksum="c" * 64,
        settings="native",
        budget="quick",
        seed=seed,
    )
    return Record(run_id=spec.run_id, spec=spec, status="done", metrics=metrics)


def board_of(a: list[float], b: list[float], direction: str = "min") -> Board:
    records = [record("a", seed, x=value) for seed, value in enumerate(a)]
    records += [record("b", seed, x=value) for seed, value in enumerate(b)]
    return build(records, [column("x", direction)])[0]


def test_differences_are_paired_over_shared_seeds() -> None:
    # seeds 0, 1, 2 are shared: differences -1, -1.2, -0.8: mean -1, sd 0.2, t(2) quantile 4.303 -> 0.497
    board = board_of([1.0, 2.0, 3.0], [2.0, 3.2, 3.8, 99.0])
    found = compare(board, "a", "b", board.columns)[0]
    assert found.seeds == 3
    assert found.difference.mean == pytest.approx(-1)
    assert found.difference.half_width == pytest.approx(4.30265 * 0.2 / math.sqrt(3), rel=1e-5)
    assert (found.first, found.second) == (2.0, 3.0)
    assert found.better == "a"


@pytest.mark.parametrize(("direction", "better"), [("min", "a"), ("max", "b"), ("none", "")])
def test_the_direction_decides_who_is_better(direction: str, better: str) -> None:
    board = board_of([1.0, 1.1, 1.2, 1.0], [2.0, 2.1, 2.2, 2.1], direction)
    assert compare(board, "a", "b", board.columns)[0].better == better
    assert compare(board, "b", "a", board.columns)[0].better == better


def test_below_three_seeds_nothing_is_said() -> None:
    board = board_of([1.0, 1.0], [9.0, 9.0])
    found = compare(board, "a", "b", board.columns)[0]
    assert found.difference.half_width is None
    assert found.better == ""
    assert "too few seeds" in pairs_text(board, [found], "a", "b")


def test_equal_differences_of_a_metric_that_counts_are_no_spread_of_zero() -> None:
    """One sample of 360 more right in all of three seeds: from seed to seed the metric moves by as much anyway."""
    board = board_of([350 / 360, 351 / 360, 349 / 360], [351 / 360, 352 / 360, 350 / 360], "max")
    assert compare(board, "a", "b", board.columns)[0].better == ""
    board = board_of([330 / 360, 331 / 360, 329 / 360], [351 / 360, 352 / 360, 350 / 360], "max")
    assert compare(board, "a", "b", board.columns)[0].better == "b"


def test_many_metrics_are_tested_together() -> None:
    """p = 0.03 alone is significant; as one of ten it is not."""
    differences = [0.9, 1.4, 0.4, 1.9, 0.1]
    assert 0.01 < paired_p_value(differences) < 0.05
    noise = [1.0, -1.0, 0.5, -0.5, 0.0]
    names = [f"m{i}" for i in range(10)]
    records = []
    for seed in range(5):
        a = {name: (differences if name == "m0" else noise)[seed] for name in names}
        records += [record("a", seed, **a), record("b", seed, **dict.fromkeys(names, 0.0))]
    board = build(records, [column(name) for name in names])[0]
    assert compare(board, "a", "b", board.columns[:1])[0].better == "b"
    assert {found.better for found in compare(board, "a", "b", board.columns)} == {""}


def test_rows_that_share_no_board_are_named() -> None:
    records = [record("a", 0, x=1.0), record("b", 0, dataset="mnist", x=1.0)]
    boards = build(records, [column("x")])
    with pytest.raises(BenchError, match=r"Unknown row 'aa'\. Did you mean 'a'"):
        boards_with(boards, "aa", "b")
    with pytest.raises(BenchError, match="No board has both 'a' and 'b'"):
        boards_with(boards, "a", "b")
    assert len(boards_with(boards, "a", "a")) == 1


def test_a_model_that_is_many_rows_is_asked_which_and_told_of_another_way() -> None:
    spec = record("topk", 0).spec
    records = [record("mp", 0, x=1.0)]
    for k in (4, 8):
        swept = spec.model_copy(update={"config": {"k": k}, "variant": {"k": k}})
        records.append(Record(run_id=swept.run_id, spec=swept, status="done", metrics={"x": 1.0}))
    with pytest.raises(BenchError, match=r"'topk' is 2 rows.* such as 'topk k=4'.*`bench leaderboard --at l0=10`"):
        boards_with(build(records, [column("x")]), "mp", "topk")


@pytest.mark.parametrize("n_seeds", [5, 10])
def test_intervals_cover_and_ties_are_ties(n_seeds: int) -> None:
    """2,000 studies of a known difference: 95% intervals hold it in 93 to 97% of them; equals are told apart in 5%."""
    random = np.random.default_rng(0)
    shared = random.normal(size=(2000, n_seeds))  # what a seed does to both models: pairing removes it
    a = shared + random.normal(scale=0.3, size=shared.shape)
    b = shared + 0.5 + random.normal(scale=0.3, size=shared.shape)
    intervals = [t_interval(row.tolist()) for row in b - a]
    covered = [abs(interval.mean - 0.5) <= (interval.half_width or 0) for interval in intervals]
    assert 0.93 <= np.mean(covered) <= 0.97
    equal = shared + random.normal(scale=0.3, size=shared.shape)
    told_apart = [
        marked({"a": dict(enumerate(x)), "b": dict(enumerate(y))}, maximise=True) != {"a", "b"}
        for x, y in zip(a.tolist(), equal.tolist(), strict=True)
    ]
    assert 0.03 <= np.mean(told_apart) <= 0.07


def test_p_values_equal_scipys() -> None:
    random = np.random.default_rng(0)
    for n in (3, 5, 10):
        a, b = random.normal(size=(2, n))
        assert paired_p_value((a - b).tolist()) == pytest.approx(scipy_stats.ttest_rel(a, b).pvalue)


def test_the_row_that_pays_more_is_not_the_better_one() -> None:
    info = MetricInfo("x", "min", "", "[0, 1]", "definition", against="paid")
    columns = [Column("x", info), Column("paid", MetricInfo("Price", "none", "", "[0, 1]", "definition"))]
    noise = [0.0, 0.01, -0.01, 0.02, -0.02]
    for paid, better, unlike in ((20.0, "", True), (10.9, "a", False), (5.0, "a", False)):
        records = [record("a", seed, x=0.1 + e, paid=paid) for seed, e in enumerate(noise)]
        records += [record("b", seed, x=0.2 - e, paid=10.0) for seed, e in enumerate(noise)]
        (board,) = build(records, columns)
        (found, _) = compare(board, "a", "b", board.columns)
        assert (found.better, found.unlike) == (better, unlike)
        assert ("unlike Price" in pairs_text(board, [found], "a", "b")) == unlike
