"""What stands below boards."""

from __future__ import annotations

from bench.compare.marks import marked
from bench.compare.stats import rank_intervals
from bench.show.legends import of_boards, of_readings
from tests.bench.show.report import factory


def test_the_notes_of_runs_stand_below_their_boards_shortly() -> None:
    """A note of many rows names some of them, and of many notes some are there."""
    alike = [
        factory.record(f"model-{i:02}", metrics={"l0": 1.0}).model_copy(
            update={"notes": ["the last batch is left out"]}
        )
        for i in range(20)
    ]
    said = of_boards(factory.boards_of(alike))
    names = ", ".join(f"model-{i:02}" for i in range(6))
    assert f"{names} and 14 others on mnist: the last batch is left out" in said
    unlike = [record.model_copy(update={"notes": [f"note {i}"]}) for i, record in enumerate(alike[:5])]
    said = of_boards(factory.boards_of(unlike))
    assert said[-2:] == ["model-02 on mnist: note 2", "2 other notes in leaderboard.md and on the page"]


def test_the_legend_says_why_marks_and_ranks_may_differ() -> None:
    """Here b and d have no mark, and d may be the first by its ranks."""
    scores = {
        "a": [-1.3, 1.5, 1.3, 0.8, 0.3],
        "b": [0.5, 2.3, 2.8, 2.6, 2.1],
        "c": [2.0, 0.4, 1.6, 2.3, 0.3],
        "d": [2.8, 2.8, 3.1, 1.2, 1.7],
    }
    values = {name: dict(enumerate(each)) for name, each in scores.items()}
    assert marked(values, maximise=False) == {"a", "c"}
    assert rank_intervals(values, maximise=False) == {"a": (1, 3), "b": (2, 4), "c": (1, 4), "d": (1, 4)}
    assert "1 may be among the ranks of a row without a mark" in of_readings()
