"""Small multiples: a panel for each of many names, as no eye tells the colours of more than a few lines apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.show.figures.style import FONT, ONE_COLUMN, SMALL_FONT, TWO_COLUMNS, short, text_inches

MOST_TOGETHER = 8
"""Names that share a panel, at most: there are as many colours."""
PER_ROW = 6
HEIGHT = 1.0
"""Of a panel, in inches."""
FAINT = "#D0D0D0"

T = TypeVar("T")
"""What is drawn: a model, a curve."""


def together_or_apart(
    things: Sequence[T], names: Sequence[str], height: float
) -> tuple[Figure, dict[Axes, Sequence[T]]]:
    """A figure, and what each of its panels is of: one of all, in one column and `height` inches; of many, one each."""
    if len(things) > MOST_TOGETHER:
        figure, grid = _panels(names)
        return figure, {axes: [thing] for axes, thing in zip(grid, things, strict=True)}
    figure = Figure(figsize=(ONE_COLUMN, height), layout="constrained")
    return figure, {figure.subplots(): things}


def _panels(names: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """A figure over two columns, with a panel for each name, all of one scale."""
    titles = [short(name) for name in names]
    n_columns = max(1, min(PER_ROW, int(TWO_COLUMNS / (0.25 + text_inches(titles)))))
    n_rows = -(-len(names) // n_columns)
    figure = Figure(figsize=(TWO_COLUMNS, 0.5 + HEIGHT * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    for axes, title in zip(grid, titles, strict=False):
        axes.set_title(title, size=SMALL_FONT, parse_math=False)
    for axes in grid[len(names) :]:
        axes.set_axis_off()
    for axes in grid[: len(names)][-n_columns:]:
        axes.tick_params(labelbottom=True)
    return figure, grid[: len(names)]


def faint(axes: Axes, x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> None:
    """What another panel is of."""
    axes.plot(x, y, color=FAINT, marker="o", ms=1.5, lw=0.6, zorder=0.4, label="all others")


def name_axes(figure: Figure, grid: Sequence[Axes], x: str, y: str) -> None:
    """What the axes of all panels are called, once."""
    if len(grid) == 1:
        grid[0].set_xlabel(x)
        grid[0].set_ylabel(y)
    else:
        figure.supxlabel(x, size=FONT)
        figure.supylabel(y, size=FONT)


def legend_of(figure: Figure, axes: Axes, n_columns: int) -> None:
    """A legend above all, of the entries of one panel, each once."""
    handles, labels = axes.get_legend_handles_labels()
    entries = dict(zip(labels, handles, strict=True))
    if entries:
        figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=n_columns, handletextpad=0.3)
