"""What says how boards, and readings at a price, are read: their intervals, marks and ranks."""

from __future__ import annotations

from collections.abc import Sequence

from bench.compare.boards import Board, caveats, compared_at_a_price, remarks
from bench.compare.readings import Reading
from bench.errors import counted

MOST_NOTES = 3
"""Notes of runs that stand below boards; the others are counted."""
MOST_LETTERS = 60
"""Of the names of the rows that a note is of."""


def of_boards(boards: Sequence[Board], mark: str = "*") -> list[str]:
    """A paragraph on the numbers, and one for each thing that a reader of a board should know.

    Parameters
    ----------
    mark : str
        How the best are shown: a star, or bold.
    """
    rows = [row for board in boards for row in board.rows]
    has_intervals = any(each.half_width is not None for row in rows for each in row.intervals.values())
    said = ["± 95% t interval over seeds"] if has_intervals else []
    if any(board.ties for board in boards):
        said.append(f"{mark} best, or not told apart from it (t tests, 5%)")
    how = [f"{'; '.join(said)}. {compared_at_a_price(boards)}".strip()] if said else []
    return [*how, *(words for board in boards for words in caveats(board)), *_notes(boards)]


def _notes(boards: Sequence[Board]) -> list[str]:
    """What the runs note, shortly."""
    notes = remarks([record for board in boards for record in board.records], MOST_LETTERS)
    rest = len(notes) - MOST_NOTES
    return [
        *notes[:MOST_NOTES],
        *([f"{counted(rest, 'other note')} in leaderboard.md and on the page"] if rest > 0 else []),
    ]


def of_shown(boards: Sequence[Board], readings: Sequence[Reading], mark: str = "*") -> list[str]:
    """Of the readings, or else of the boards."""
    return [of_readings(mark)] if readings else of_boards(boards, mark)


def of_readings(mark: str = "*") -> str:
    """A paragraph on the numbers of readings at a price."""
    return (
        "± 95% t interval over seeds, of values read from each seed's own curve (monotone cubic in the logarithm of "
        f"the price, never beyond its ends); {mark} best, or not told apart from it (t tests, 5%); [1-3]: the ranks "
        "that paired tests allow, Holm-adjusted. Floors have no rank. A mark asks who may be best; ranks settle all "
        "pairs at once, which takes clearer differences: 1 may be among the ranks of a row without a mark."
    )
