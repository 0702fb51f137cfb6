"""Boards read at a price: exact where it can be computed by hand, never beyond a curve, and honest about its seeds."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from bench.compare.answers import answer, answering, offered
from bench.compare.boards import Board
from bench.compare.prices import Price, parse_price, round_levels
from bench.compare.readings import Reading, interpolated, read
from bench.compare.stats import t_intervals
from bench.errors import BenchError
from bench.show.answers import wary
from bench.show.readings import seeds
from bench.store.record import Record
from tests.bench.show.report import factory

Quality = Callable[[float, int], float]
L0_10 = Price("l0", 10.0, 10.0)


def runs(model: str, ks: tuple[float, ...], fvu: Quality, seeds: int = 5) -> list[Record]:
    """A model whose L0 is its k, with a value of FVU for each k and seed."""
    return [
        factory.record(model, "mnist", seed, {"fvu": fvu(k, seed), "l0": float(k), "probe_accuracy": 0.5}, {"k": k})
        for k in ks
        for seed in range(seeds)
    ]


def line(start: float, slope: float, noise: float = 0.01) -> Quality:
    """Linear in log L0, and a shift for each seed that pairing does not remove."""
    shifts = noise * np.array([0.3, -1.0, 0.9, -0.6, 0.4, 1.2])
    return lambda k, seed: start + slope * math.log(k) + float(shifts[seed])


def board_of(records: list[Record]) -> Board:
    (board,) = factory.boards_of(records)
    return board


def read_at(records: list[Record], price: Price = L0_10, floors: tuple[str, ...] = ()) -> Reading:
    board = board_of(records)
    return read(board, price, answering(board), floors)


def test_between_two_settings_a_straight_line_in_log_price_is_met() -> None:
    at, values = np.log([4.0, 8, 16, 32]), np.array([[1.0], [0.8], [0.6], [0.4]])
    found = interpolated(at, values, L0_10)
    assert found is not None
    assert found[0] == pytest.approx(1 - 0.2 * math.log2(10 / 4))
    mean = interpolated(at, values, Price("l0", 4, 32))
    assert mean is not None
    assert mean[0] == pytest.approx(0.7), "the middle of a line"


def test_a_flat_curve_is_read_without_rounding() -> None:
    at, values = np.log([4.0, 8.1, 16.3, 32.7]), np.full((4, 1), 0.1)
    for price in (L0_10, Price("l0", 4.0, 32.0)):
        assert interpolated(at, values, price) == [0.1]


def test_a_curve_stays_between_its_points_and_the_mean_is_its_area() -> None:
    rng = np.random.default_rng(0)
    at, values = np.log([2.0, 5, 9, 40]), rng.normal(size=(4, 50))
    grid = np.exp(np.linspace(at[0], at[-1], 401))
    curve = np.array([interpolated(at, values, Price("l0", level, level)) for level in grid])
    for i in range(3):
        part = curve[(grid >= math.exp(at[i])) & (grid <= math.exp(at[i + 1]))]
        low, high = np.minimum(*values[i : i + 2]), np.maximum(*values[i : i + 2])
        assert (part >= low - 1e-12).all()
        assert (part <= high + 1e-12).all()
    mean = interpolated(at, values, Price("l0", 2, 40))
    assert mean == pytest.approx(((curve[1:] + curve[:-1]) / 2).mean(0), abs=1e-3), "by trapezoids"


@pytest.mark.parametrize(
    ("low", "high", "reached"),
    [(3.8, 3.8, False), (3.95, 3.95, True), (16.2, 16.2, True), (16.5, 16.5, False), (4, 16, True), (3, 16, False)],
)
def test_nothing_is_read_beyond_the_ends(low: float, high: float, reached: bool) -> None:
    found = interpolated(np.log([4.0, 16]), np.array([[1.0], [2.0]]), Price("l0", low, high))
    assert (found is not None) == reached
    if found is not None:
        assert 1 <= found[0] <= 2


def test_points_that_lack_a_metric_are_not_bridged() -> None:
    """Known at 4, 8 and 32, not at 16: 20 lies beside the gap, 6 does not. A single point is read where it stands."""
    at, values = np.log([4.0, 8, 16, 32]), np.array([[1.0, 5.0], [2.0, 6.0], [np.nan, 7.0], [4.0, 8.0]])
    near, gap = (interpolated(at, values, Price("l0", level, level)) for level in (6.0, 20.0))
    over = interpolated(at, values, Price("l0", 4, 32))
    assert near is not None
    assert gap is not None
    assert over is not None
    assert np.isfinite(near).all()
    assert np.isnan(gap).tolist() == np.isnan(over).tolist() == [True, False]
    assert interpolated(at[:1], values[:1], Price("l0", 4.0, 4.0)) == pytest.approx([1.0, 5.0])
    assert interpolated(at[:0], values[:0], L0_10) is None


def test_a_price_that_a_setting_has_but_for_a_thousandth_is_read_there() -> None:
    """Of units that are dead at L0 25 alone, a reading at 10 has none, and no trace of them."""
    at, dead = np.log([9.9995, 25.0]), np.array([[0.0], [0.5]])
    assert interpolated(at, dead, L0_10) == [0.0]
    assert interpolated(at, dead, Price("l0", 10.5, 10.5))[0] > 0


def test_settings_of_one_price_count_as_one() -> None:
    found = interpolated(np.log([8.0, 4, 8]), np.array([[1.0], [0.0], [3.0]]), Price("l0", 8, 8))
    assert found == pytest.approx([2.0])


@pytest.mark.parametrize("n_seeds", [3, 5, 10])
@pytest.mark.parametrize("price", [L0_10, Price("l0", 5, 20)], ids=["level", "range"])
def test_intervals_cover(n_seeds: int, price: Price) -> None:
    """2,000 studies of a curve that is linear in log L0; a seed has its own L0s, a shift, and noise at each point."""
    rng = np.random.default_rng(n_seeds)
    readings = []
    for _ in range(n_seeds):
        at = np.log([4.0, 8, 16, 32]) + rng.normal(scale=0.03, size=4)
        values = 1 - 0.2 * at[:, None] + rng.normal(scale=0.05, size=2000) + rng.normal(scale=0.03, size=(4, 2000))
        readings.append(interpolated(at, values, price))
    truth = 1 - 0.2 * math.log(10)  # 10 is the middle of 5 to 20, too
    intervals = t_intervals(np.array(readings).T.tolist())
    covered = [abs(interval.mean - truth) <= (interval.half_width or 0) for interval in intervals]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_a_setting_that_is_alone_is_read_as_it_stands() -> None:
    """Bit for bit, where it stands at the price; a logarithm and its inverse would move last digits."""
    found = read_at(
        [*runs("topk", (9.7,), line(1.0, -0.2)), *runs("mp", (11,), line(1.1, -0.2))], Price("l0", 9.8, 9.8)
    )
    rows = {row.model: row for row in found.board.rows}
    assert (rows["topk"].n_done, rows["mp"].n_done, rows["mp"].values) == (5, 0, {})
    assert rows["topk"].values["fvu"] == {seed: line(1.0, -0.2)(9.7, seed) for seed in range(5)}
    at_fvu = read(found.source, Price("fvu", 0.535, 0.535), found.source.columns)
    assert {row.model: row.values.get("l0") for row in at_fvu.board.rows} == {"topk": {1: 9.7, 3: 9.7}, "mp": None}


def test_models_are_compared_at_one_price_where_a_board_could_not() -> None:
    """topk is better at every L0, mp was run at larger ones: the board's lowest FVU is mp's."""
    found = read_at([*runs("topk", (4, 16), line(1.0, -0.2)), *runs("mp", (8, 64), line(1.1, -0.2))])
    fvu = next(column for column in found.board.columns if column.name == "fvu")
    assert min(found.source.rows, key=lambda row: row.intervals["fvu"].mean).model == "mp"
    assert [row.label for row in found.board.rows] == ["topk", "mp"]
    assert found.board.rows[0].intervals["fvu"].mean == pytest.approx(1 - 0.2 * math.log(10))
    assert found.board.rows[0].intervals["fvu"].half_width == pytest.approx(
        2.776445 * 0.01 * 0.605**0.5 / 5**0.5, rel=1e-5
    )
    assert found.board.ties["fvu"] == {"topk"}
    assert found.ranks(fvu) == {"topk": (1, 1), "mp": (2, 2)}
    assert "l0" not in {column.name for column in found.board.columns}


def test_at_one_reconstruction_fewer_units_are_better() -> None:
    ks = (4, 8, 16, 32)
    records = [*runs("topk", ks, line(1.0, -0.2)), *runs("mp", ks, line(1.1, -0.2))]
    found = read_at(records, Price("fvu", 0.5, 0.5))
    l0 = next(column for column in found.board.columns if column.name == "l0")
    assert l0.info.direction == "min"
    assert found.board.ties["l0"] == {"topk"}
    assert found.board.rows[0].intervals["l0"].mean == pytest.approx(math.exp(2.5), rel=0.03)


def test_what_is_bought_with_another_price_is_read_and_not_ranked() -> None:
    """All have one probe accuracy; what L0 they pay for their FVU is left open there."""
    board = board_of([*runs("topk", (4, 8), line(1.0, -0.2)), *runs("mp", (4, 8), line(1.1, -0.2))])
    found = read(board, Price("probe_accuracy", 0.5, 0.5), board.columns)
    fvu = next(column for column in found.board.columns if column.name == "fvu")
    assert [row.values["fvu"].keys() for row in found.board.rows] == [set(range(5)), set(range(5))]
    assert (found.board.ties, found.ranks(fvu)) == ({}, {})


def test_a_price_that_none_reaches_gives_rows_without_numbers() -> None:
    found = read_at([*runs("topk", (4, 8), line(1, -0.1)), *runs("mp", (4, 8), line(1, -0.2))], Price("l0", 50, 50))
    assert [(row.n_done, row.values) for row in found.board.rows] == [(0, {}), (0, {})]
    assert found.board.ties == {}


def test_seeds_that_miss_an_end_are_left_out_and_counted() -> None:
    """Two of six seeds failed at k = 32: at 10 they do not reach, and the mean is of the four."""
    records = [r for r in runs("topk", (4, 32), line(1, -0.2), 6) if r.spec.config["k"] == 4 or r.spec.seed > 1]
    (row,) = read_at(records).board.rows
    assert row.n_done == 4
    assert set(row.values["fvu"]) == {2, 3, 4, 5}


def lucky() -> list[Record]:
    """The FVU of topk's sixth seed ends at 0.367, that of its others at 0.352 or less; mp and omp go on."""
    ks = (4, 8, 16, 32, 64)
    goes_on = [*runs("mp", ks, line(1.05, -0.2, 0.02), 6), *runs("omp", ks, line(1.15, -0.2), 6)]
    return [*runs("topk", ks[:4], line(1, -0.2, 0.05), 6), *goes_on]


def test_a_row_is_not_ranked_at_a_quality_that_its_better_seeds_alone_reach() -> None:
    found = read_at(lucky(), Price("fvu", 0.355, 0.355))
    l0 = next(column for column in found.board.columns if column.name == "l0")
    assert {row.label: row.n_done for row in found.board.rows} == {"topk": 5, "mp": 6, "omp": 6}
    assert found.partial == {"topk"}
    assert found.board.ties["l0"] == {"mp"}
    assert found.ranks(l0) == {"mp": (1, 1), "omp": (2, 2)}
    assert read_at(lucky(), Price("fvu", 0.4, 0.4)).board.ties["l0"] == {"topk"}, "all reach it"


def test_a_row_is_ranked_at_a_level_of_sparsity_that_some_of_its_seeds_reach() -> None:
    """Which of them do says nothing of how good they are."""
    records = [r for r in lucky() if (r.spec.model, r.spec.seed, r.spec.config["k"]) != ("topk", 0, 32)]
    found = read_at(records, Price("l0", 20, 20))
    assert (found.board.rows[0].label, found.board.rows[0].n_done, found.partial) == ("topk", 5, set())
    assert found.ranks(found.board.columns[0]).keys() == {"topk", "mp", "omp"}


def test_floors_are_shown_and_not_ranked() -> None:
    records = [*runs("topk", (4, 32), line(1, -0.2)), *runs("mp", (4, 32), line(1.1, -0.2))]
    found = read_at([*records, *runs("pca", (4, 32), line(0.5, -0.1))], floors=("pca",))
    fvu = found.board.columns[0]
    assert found.board.rows[0].label == "pca"
    assert found.ranks(fvu).keys() == {"topk", "mp"}
    assert found.board.ties["fvu"] == {"topk"}


def imported(record: Record) -> Record:
    """The same as a checkpoint of another library."""
    spec = record.spec.model_copy(update={"model": "theirs", "model_reference": "sae:their_sae", "variant": {}})
    return record.model_copy(update={"spec": spec, "run_id": spec.run_id})


def test_a_checkpoint_is_read_whatever_the_seeds_of_the_others() -> None:
    """It is number 0, and the models have seeds 1 to 5; so they have where the one run of a fixed floor has seed 0."""
    ks = (4, 8, 16, 32)
    swept = [r for model in ("topk", "mp") for r in runs(model, ks, line(1, -0.2), 6) if r.spec.seed > 0]
    theirs = imported(*runs("x", (10,), line(0.9, -0.2), 1))
    fixed = [r.model_copy(update={"deterministic": True}) for r in runs("pca", ks, line(1.2, -0.2), 1)]
    found = read_at([*swept, theirs, *fixed])
    assert {row.label: seeds(found, row) for row in found.board.rows} == {
        "theirs": "imported",
        "topk": "5/5",
        "mp": "5/5",
        "pca": "fixed",
    }
    assert wary(found) == ["One setting, so no curve: read only where it stands: theirs."]
    at_fvu = read(found.source, Price("fvu", 0.55, 0.55), found.source.columns)
    assert at_fvu.partial == set(), "all that there is of pca reaches it"


def test_mixed_budgets_are_boards_of_their_own() -> None:
    records = runs("topk", (4, 16), line(1, -0.2))
    longer = [r.model_copy(update={"spec": r.spec.model_copy(update={"budget": "full"})}) for r in records]
    assert len(factory.boards_of([*records, *longer])) == 2


def test_levels_that_are_offered_are_reached_by_two_models() -> None:
    records = [
        *runs("topk", (4, 32), line(1, -0.2)),
        *runs("mp", (8, 64), line(1, -0.1)),
        *runs("relu", (400,), line(1, 0)),
    ]
    board = board_of(records)
    l0 = next(column for column in board.columns if column.name == "l0")
    assert offered(board, l0, ()) == [L0_10, Price("l0", 20, 20), Price("l0", 10, 20)]
    chosen = answer(board, ()).chosen
    assert chosen is not None
    assert chosen.price == Price("l0", 20, 20)
    assert offered(board, l0, ("mp",)) == []
    assert answer(board, ("mp",)).chosen is None


def test_prices_are_read_from_text() -> None:
    known = ("l0", "fvu")
    assert parse_price("l0=10", known) == L0_10
    assert parse_price("fvu=0.1..0.4", known) == Price("fvu", 0.1, 0.4)
    assert (L0_10.value, parse_price("l0=4..32", known).value) == ("10", "4 to 32")
    assert round_levels(0.04, 3) == [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    "text", ["l0", "l0=", "l0=x", "l0=0", "l0=-3", "l0=9..3", "l0=4..4", "l0=4..", "l0=inf", "l0=nan"]
)
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(BenchError, match=r"--at l0.*Valid: METRIC=NUMBER"):
        parse_price(text, ("l0",))


def test_a_metric_that_no_run_has_is_named_with_a_guess() -> None:
    with pytest.raises(BenchError, match=r"Unknown metric in --at 'fvuu'\. Did you mean 'fvu'"):
        parse_price("fvuu=0.2", ("fvu", "l0"))
