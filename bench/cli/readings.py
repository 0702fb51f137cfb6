"""The options of boards that are read at prices: what `leaderboard --at` and `table` have in common."""

from __future__ import annotations

from typing import Annotated

import typer

At = Annotated[
    list[str] | None,
    typer.Option(help="Compare at an equal price: l0=10, fvu=0.2, any metric; l0=4..32 is the mean over a range."),
]
Columns = Annotated[
    str | None,
    typer.Option(help="Metrics to show, by names or headings; commas between. Default: those of the printed board."),
]
