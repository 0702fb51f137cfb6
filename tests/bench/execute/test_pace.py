"""Time left: what is still to be done, at the pace of what has been."""

from __future__ import annotations

import pytest

from bench.execute.pace import Pace


class Clock:
    """Shows what it is set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_time_left_is_known_from_the_first_run_on() -> None:
    clock = Clock()
    pace = Pace(4, clock)
    assert pace.left() == ""
    pace.move("a", 0.0)
    assert pace.left() == "", "nothing has been done"
    clock.now = 10
    pace.move("a", 0.5)  # an eighth of the work
    assert pace.left() == "about 1 min left"
    pace.end("a")
    assert pace.left() == "about 30 s left"
    clock.now = 20
    pace.end("was done before")  # took no time: two are left at 20 s a run
    assert pace.left() == "about 40 s left"


def test_what_a_checkpoint_had_counts_neither_as_done_here_nor_as_left() -> None:
    clock = Clock()
    pace = Pace(1, clock)
    pace.move("a", 0.6)
    assert pace.left() == ""
    clock.now = 100
    pace.move("a", 0.8)
    assert pace.left() == "about 2 min left"


@pytest.mark.parametrize(("seconds", "words"), [(9, ""), (59.4, "about 59 s left"), (7500, "about 2 h 05 min left")])
def test_time_left_in_words(seconds: float, words: str) -> None:
    clock = Clock()
    pace = Pace(2, clock)
    pace.move("a", 0.0)
    clock.now = seconds
    pace.end("a")
    assert pace.left() == words
