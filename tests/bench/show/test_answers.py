"""The answer in words: true for any study."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bench.compare.answers import answer, answering
from bench.compare.prices import Price
from bench.compare.readings import read
from bench.show.answers import sentence, wary
from bench.show.readings import over_datasets, text
from bench.store.record import Record
from tests.bench.compare.test_readings import L0_10, board_of, line, lucky, runs
from tests.bench.show.report import factory

TWO = [*runs("topk", (4, 32), line(1.0, -0.2)), *runs("mp", (4, 32), line(1.2, -0.2))]
WHERE = "on mnist (native setting, quick budget)"
NATIVE = " Sizes and steps are each model's own; `--settings matched` makes them alike, and sweeps the sparsity."


def said(records: list[Record], *floors: str) -> str:
    return sentence(answer(board_of(records), floors))


def wary_of(records: list[Record], price: Price = L0_10) -> list[str]:
    board = board_of(records)
    return wary(read(board, price, answering(board), ()))


def test_the_best_is_named_with_its_number() -> None:
    assert said(TWO) == (
        f"At L0 10 {WHERE}, topk reconstructs best (FVU 0.5395 ± 0.0097); "
        f"no model is told apart from the others in probe (best on average: topk, probe 0.5000 ± 0).{NATIVE}"
    )


def test_settings_that_all_points_of_a_model_have_are_named_below_the_table() -> None:
    fast = [
        record.model_copy(
            update={"spec": record.spec.model_copy(update={"variant": {**record.spec.variant, "rate": 3}})}
        )
        for record in runs("topk", (4, 32), line(1.0, -0.2))
    ]
    assert "All settings of these have something other than the default: topk rate=3." in wary_of([*fast, *TWO[10:]])
    assert not any("other than the default" in words for words in wary_of(TWO))


def test_a_winner_most_of_whose_units_say_nothing_is_said_to_be_one() -> None:
    """Not of a quarter, not of the share that is praised itself, and of all only where it is all."""

    def topk_with(dead: float, on: float) -> str:
        shares = {"topk": {"dead_fraction": dead, "always_on_fraction": on}, "mp": {"dead_fraction": 0.99}}
        return said([
            record.model_copy(update={"metrics": record.metrics | shares[record.spec.model]}) for record in TWO
        ])  # fmt: skip

    told = topk_with(0.81, 0.19)
    assert (
        "topk reconstructs best (FVU 0.5395 ± 0.0097; 81% of its units are dead; 19% of its units are always on)"
        in told
    )
    assert "topk leaves the fewest units dead (dead 0.8100 ± 0; 19% of its units are always on)" in told
    assert "of its units" not in topk_with(0.25, 0.05)
    assert "(FVU 0.5395 ± 0.0097; 99% of its units are dead)" in topk_with(0.9999, 0)
    assert "(FVU 0.5395 ± 0.0097; 100% of its units are always on)" in topk_with(0, 1)


def test_a_model_that_is_alone_is_not_told_to_sweep_its_sparsity() -> None:
    words = "topk is the only model, and there is none to compare it with."
    assert said(runs("topk", (4,), line(1.0, -0.2))).endswith(words)
    assert said([*runs("topk", (4,), line(1.0, -0.2)), *runs("pca", (4,), line(1.0, -0.2))], "pca").endswith(words)


def test_a_floor_that_is_ahead_of_the_best_model_is_named_with_its_number() -> None:
    """Floors are not ranked, and hidden at first: without a word a reader takes the best model for good."""
    ahead = runs("pca", (4, 32), line(0.8, -0.2))
    assert "topk reconstructs best (FVU 0.5395 ± 0.0097; the floor pca has 0.3395 ± 0.0097);" in said(
        [*TWO, *ahead], "pca"
    )
    behind = runs("pca", (4, 32), line(1.1, -0.2))
    assert "floor" not in said([*TWO, *behind], "pca")


def test_ties_are_named_up_to_three_and_counted_beyond() -> None:
    noisy = [line(1.0, -0.2), lambda k, seed: line(1.0, -0.2)(k, (seed + 2) % 5)]
    worse = runs("vsc", (4, 32), line(1.5, -0.2))
    tied = [*runs("topk", (4, 32), noisy[0]), *runs("mp", (4, 32), noisy[1]), *worse]
    assert "mp reconstructs best (FVU 0.5395 ± 0.0097), not told apart from topk;" in said(tied)
    more = [record for i in range(4) for record in runs(f"m{i}", (4, 32), noisy[i % 2])]
    three = [record for i in range(3) for record in runs(f"m{i}", (4, 32), noisy[i % 2])]
    assert ", not told apart from m1, m2 or topk;" in said([*three, *tied[:10], *worse])
    assert ", not told apart from 4 others;" in said([*more, *tied[:10], *worse])


def test_few_seeds_mark_nothing_and_may_tell_models_apart() -> None:
    """As the ranks beside it do: three seeds tell rows apart, and mark none."""
    records = [record for record in TWO if record.spec.seed < 3]
    assert "too few seeds for a mark, which takes 5, but on average topk reconstructs best" in said(records)
    alike = [record for record in records if record.spec.model == "mp"] + runs("topk", (4, 32), line(1.0, -0.2, 1.0), 3)
    assert "too few seeds to tell models apart, but on average topk reconstructs best" in said(alike)
    two = [record for record in records if record.spec.seed < 2]
    assert "too few seeds to tell models apart, but on average topk reconstructs best" in said(two)


def test_seeds_that_one_row_alone_has_enough_of_mark_nothing() -> None:
    """mp has five, topk three: nothing is marked. Where that is so of one metric alone, it is said of that one."""
    few = [record for record in TWO if record.spec.model == "mp" or record.spec.seed < 3]
    assert "too few seeds for a mark, which takes 5, but on average topk reconstructs best" in said(few)
    rare = [
        record.model_copy(update={"metrics": record.metrics | {"dead_fraction": 0.1}})
        if record.spec.model == "mp" or record.spec.seed < 3
        else record
        for record in TWO
    ]
    assert "topk reconstructs best (FVU 0.5395 ± 0.0097); " in said(rare)
    assert "leaves the fewest units dead (dead 0.1000 ± 0), on average, as no test can be made" in said(rare)


def test_a_row_that_is_ahead_with_few_seeds_is_not_passed_over() -> None:
    lucky = [record for record in runs("lucky", (4, 32), line(0.5, -0.1)) if record.spec.seed < 2]
    assert "topk reconstructs best (FVU 0.5395 ± 0.0097) (lucky is ahead with 2 seeds, too few)" in said([*TWO, *lucky])


def test_a_row_that_is_ahead_with_seeds_that_others_lack_is_not_said_to_have_too_few() -> None:
    records = [*runs("topk", (4, 32), lambda _, seed: 0.6 + 0.001 * seed if seed < 5 else 0.1, 10)]
    records += runs("mp", (4, 32), lambda _, seed: 0.5 + 0.002 * seed)
    words = "mp reconstructs best (FVU 0.5040 ± 0.0039) (topk is ahead with its 10 seeds, not with those that all rows"
    assert words in said(records)


def test_a_row_that_its_better_seeds_alone_bring_to_a_quality_is_said_to_be_one() -> None:
    price, board = Price("fvu", 0.355, 0.355), board_of(lucky())
    columns = [column for column in board.columns if column.name == "l0"]
    found = read(board, price, [replace(column, info=replace(column.info, answer="is sparsest")) for column in columns])
    told = sentence(answer(board, ()), found)
    assert "mp is sparsest (L0 33.0 ± 2.8) (topk is ahead with the 5 seeds that reach it)" in told
    words = "Not ranked, as only the better or the worse of their seeds reach it: topk (5/6)."
    assert words in wary(found)
    without = read(board_of([r for r in lucky() if r.spec.model != "omp"]), price, columns)
    assert without.board.ties == {"l0": set()}
    assert words in wary(without)


def test_floors_are_not_the_answer() -> None:
    floor = runs("pca", (4, 32), line(0.4, -0.1))
    assert "pca reconstructs best" in said([*TWO, *floor])
    assert "topk reconstructs best" in said([*TWO, *floor], "pca")


def test_curves_that_cross_are_said_to() -> None:
    """They meet at L0 12: topk is better below, mp above."""
    steep = line(0.9 + 0.1 * math.log(12), -0.3)
    records = [*runs("topk", (4, 64), line(0.9, -0.2)), *runs("mp", (4, 64), steep)]
    assert said(records).startswith(f"At L0 20 {WHERE}, mp reconstructs best")
    assert ". Curves cross: at L0 5 topk reconstructs best, at L0 10 topk reconstructs best." in said(records)


def test_runs_at_unlike_prices_are_not_compared() -> None:
    native = [*runs("topk", (10,), line(0.5, 0)), *runs("mp", (30,), line(0.4, 0))]
    assert said(native) == (
        "mnist, native setting, quick budget: no two models can be read at one L0, so nothing says which is best at "
        "an equal one. The rows stand at 10 to 30; `--settings matched` sweeps the sparsity."
    )
    some = said([*native, *runs("vsc", (10,), line(0.7, 0))])
    assert "topk k=10 reconstructs best" in some
    assert some.endswith(f" Not reached: mp k=30.{NATIVE}")


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (1, "no model reaches it: the settings of the models lie at L0 4 to 1,023."),
        (3000, "no model reaches it: the settings of the models lie at L0 4 to 1,023."),
        (600, "only mp reaches it: the settings of the models lie at L0 4 to 1,023. Not reached: topk."),
    ],
)
def test_a_level_that_few_models_reach_is_said_to_be_one(level: float, words: str) -> None:
    board = board_of([*runs("topk", (4, 32), line(1, -0.2)), *runs("mp", (4, 1023), line(1, -0.1))])
    given = answer(board, ())
    reading = read(board, Price("l0", level, level), answering(board), ())
    assert sentence(given, reading) == f"At L0 {level} {WHERE}, {words}{NATIVE}"


def test_a_study_without_a_price_says_so() -> None:
    records = [factory.record(model, seed=seed, metrics={"fvu": 0.1}) for model in ("a", "b") for seed in range(5)]
    assert "no price such as sparsity was measured" in said(records)


@pytest.mark.parametrize(
    ("records", "price", "words"),
    [
        (TWO, Price("l0", 50, 50), "Not reached, L0 from the lowest to the highest of their means: mp (4 to 32)"),
        (runs("relu", (10,), line(1, 0)), L0_10, "One setting, so no curve: read only where it stands: relu k=10."),
        (TWO, Price("probe_accuracy", 0.5, 0.5), "Not ranked, as it is bought with what is not alike here: FVU ↓."),
        (
            runs("relu", (2, 4, 32), line(1, -0.1)),
            L0_10,
            "Read between settings that are far apart in L0: relu (4 to 32).",
        ),
        (
            runs("relu", (2, 4, 32), line(1, -0.1)),
            Price("l0", 3, 9),
            "Read between settings that are far apart in L0: relu",
        ),
        (
            runs("relu", (4, 32), line(1, 0.1)),
            L0_10,
            "For some models, more L0 does not always mean a better FVU: relu.",
        ),
    ],
)
def test_what_a_curve_lacks_is_said(records: list[Record], price: Price, words: str) -> None:
    assert any(each.startswith(words) for each in wary_of(records, price))


def test_a_row_that_is_better_wherever_it_stands_does_not_lack_the_level() -> None:
    board = board_of([*runs("topk", (4, 32), line(1.0, -0.2)), *runs("mp", (30,), line(0.5, -0.1))])
    reading = read(board, Price("fvu", 0.5, 0.5), answering(board), ())
    assert "no setting there" in text(reading)
    assert "not reached" not in text(reading) + sentence(answer(board, ()), reading) + " ".join(wary(reading)).lower()


def test_long_lists_end_with_how_many_are_left_out() -> None:
    many = [run for i in range(40) for run in runs(f"a-long-name-{i:02}", (4, 8), line(1, -0.2))]
    (told,) = [words for words in wary_of([*many, *TWO], Price("l0", 30, 30)) if words.startswith("Not reached")]
    assert told.endswith(") and 28 others.")
    assert len(told) < 400


def test_where_no_row_has_a_curve_that_is_said_once() -> None:
    native = [*runs("topk", (10,), line(0.5, 0)), *runs("mp", (10,), line(0.4, 0))]
    assert "No row has a curve: each is one setting, and read only where it stands." in wary_of(native)
    assert not any("One setting" in words for words in wary_of(native))


def test_a_row_alone_has_no_rank() -> None:
    board = board_of([*runs("topk", (10,), line(0.5, 0)), *runs("mp", (30,), line(0.4, 0))])
    assert "[1]" not in text(read(board, L0_10, answering(board), ()))


@pytest.mark.parametrize("price", [Price("l0", 4, 4), Price("l0", 32, 32), Price("l0", 2, 4)])
def test_a_reading_at_a_setting_is_not_warned_of(price: Price) -> None:
    assert not any("far apart" in each for each in wary_of(runs("relu", (2, 4, 32), line(1, -0.1)), price))


def test_a_sweep_that_turns_back_and_seeds_that_are_lost_are_said() -> None:
    records = runs("topk", (4, 8, 32), line(1, -0.2))
    turned = [
        record.model_copy(update={"metrics": record.metrics | {"l0": 64.0}}) if record.spec.config["k"] == 8 else record
        for record in records
        if (record.spec.config["k"], record.spec.seed) != (4, 0)
    ]
    found = wary_of(turned)
    assert any("so settings are read in the order of L0: topk (k)." in each for each in found)
    assert "Reached by some seeds, the mean is of these: topk (4/5)." in found


def test_the_table_shows_what_is_not_there() -> None:
    """mp lacks its probe at k = 4, vsc is not reached, topk has one seed less with a probe."""
    lost = {("mp k=4", seed) for seed in range(5)} | {("topk k=32", 3)}
    records = [
        record.model_copy(update={"metrics": {"l0": record.metrics["l0"], "fvu": record.metrics["fvu"]}})
        if (record.spec.label, record.spec.seed) in lost
        else record
        for record in [*TWO, *runs("vsc", (40, 80), line(1, -0.1))]
    ]
    board = board_of(records)
    lines = text(read(board, L0_10, answering(board), ())).splitlines()
    cells = {line.split()[0]: line for line in lines[-3:]}
    assert "(4/5)" in cells["topk"]
    assert "n/a" in cells["mp"]
    assert "not reached" in cells["vsc"]
    assert "0.5395 ± 0.0097 [1] *" in cells["topk"]


def test_ranks_over_data_sets_are_the_widest_interval() -> None:
    swapped = {"topk": "mp", "mp": "topk"}
    other = []
    for record in TWO:
        spec = record.spec.model_copy(update={"dataset": "fmnist", "model": swapped[record.spec.model]})
        other.append(record.model_copy(update={"spec": spec, "run_id": spec.run_id}))
    boards = factory.boards_of([*TWO, *other, *runs("vsc", (4, 32), line(2, -0.2))])
    readings = [read(board, L0_10, answering(board), ()) for board in boards]
    (table,) = over_datasets(readings)
    rows = {row.split()[0]: row.split()[1:3] for row in table.splitlines()[3:]}
    assert rows == {"topk": ["1-2", "(2/2)"], "mp": ["1-2", "(2/2)"], "vsc": ["3", "(1/2)"]}
    assert over_datasets(readings[:1]) == []
