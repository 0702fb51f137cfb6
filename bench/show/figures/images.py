"""Figures made of inputs: sheets of reconstructions, atoms, traversals and samples, and a rebuilding step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from bench.show.figures.panels import Panel, sheet_figure
from bench.show.figures.style import ONE_COLUMN, TWO_COLUMNS, styled, text_inches
from bench.show.sheets import CLIPPED, PER_ROW, Sheet, colours, symmetric_range

LINE = 0.14
"""Height in inches of a line of a row's name, with room around it."""


@styled
def sheet(content: Sheet, image_shape: Sequence[int]) -> Figure:
    """A sheet of a run's views: as wide as a column of text, or as two where it has many columns or long names."""
    names = text_inches(list(content.rows))
    lines = max((row.count("\n") + 1 for row in content.rows), default=1)
    tile = (ONE_COLUMN - names) / content.values.shape[1]
    narrow = content.values.shape[1] <= PER_ROW and names < 1 and tile > LINE * lines
    panel = Panel(content.values, content.rows, content.columns, content.limits, content.signed, content.bar)
    return sheet_figure([panel], image_shape, ONE_COLUMN if narrow else TWO_COLUMNS)


@styled
def progressive(x: np.ndarray, built: np.ndarray, image_shape: Sequence[int], budgets: Sequence[int]) -> Figure:
    """Inputs (S, D) rebuilt of more and more units; below, what each column adds to the one before it.

    Parameters
    ----------
    built : array, (S, 1 + B, D)
        The reconstructions of the empty code, and with each of the budgets.
    """
    columns = [f"{budget}" for budget in budgets]
    above = Panel(np.concatenate([x[:, None], built[:, 1:]], axis=1), (), ("input", *columns), *colours(x))
    added = np.diff(built.astype(np.float64), axis=1)
    steps = np.concatenate([np.full_like(added[:, :1], np.nan), added], axis=1)
    below = Panel(steps, (), (), symmetric_range(added, CLIPPED), signed=True, bar="change")
    return sheet_figure([above, below], image_shape, ONE_COLUMN if len(budgets) < PER_ROW else TWO_COLUMNS)
