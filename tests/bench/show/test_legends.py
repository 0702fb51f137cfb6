"""What stands below boards."""

from __future__ import annotations

from bench.show.legends import of_boards
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
