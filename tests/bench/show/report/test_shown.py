"""Which runs are given room in the page, in which order."""

from __future__ import annotations

from bench.compare.answers import answer
from bench.show.report.shown import SEEDS, rounds
from bench.store.record import Record
from tests.bench.show.report import factory


def in_rounds(records: list[Record]) -> list[list[tuple[str, str, int]]]:
    """(data set, row, seed) of each run."""
    found = rounds([answer(board, set()) for board in factory.boards_of(records)])
    return [[(run.spec.dataset, run.spec.label, run.spec.seed) for run in each] for each in found]


def test_of_each_curve_the_setting_at_the_answers_price_comes_first_then_its_seeds_then_the_rest() -> None:
    """The answer is at L0 5: that is where the most seeds of topk, mp and vsc are."""
    failed = factory.record("mp", "mnist", 0, status="failed", error="no", variant={"k": 10})
    swept = [*factory.sweep("topk"), *factory.sweep("mp"), *factory.sweep("vsc", ks=(5, 8))]
    swept = [run for run in swept if (run.spec.label, run.spec.seed) != ("mp k=10", 0)]
    first, second, third, others = in_rounds([*swept, failed])
    labels = {"topk k=5", "mp k=5", "vsc k=5"}
    for seed, each in enumerate((first, second, third)):
        assert set(each) == {("mnist", label, seed) for label in labels}
    rest = {("topk k=10", 0), ("topk k=20", 0), ("mp k=10", 1), ("mp k=20", 0), ("vsc k=8", 0)}
    assert set(others) == {("mnist", *row) for row in rest}, "the lowest seed that is done"


def test_boards_take_turns_and_where_nothing_is_compared_all_rows_come_first() -> None:
    found = in_rounds(factory.study(models=("vae", "topk"), datasets=("fmnist", "mnist"), n_seeds=5))
    assert [dataset for dataset, _, _ in found[0]] == ["fmnist", "mnist"] * 2
    assert [len(each) for each in found] == [4] * SEEDS + [0]
