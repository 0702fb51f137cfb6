"""Figures made of inputs: sheets of reconstructions, rebuildings, atoms, traversals and samples."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from bench.show.figures.panels import Panel, sheet_figure
from bench.show.figures.style import ONE_COLUMN, TWO_COLUMNS, styled, text_inches
from bench.show.sheets import PER_ROW, Sheet

LINE = 0.14
"""Height in inches of a line of a row's name, with room around it."""


@styled
def sheet(content: Sheet, image_shape: Sequence[int]) -> Figure:
    """A sheet of a run's views: as wide as a column of text, or as two where it has many columns or long names."""
    names = text_inches(list(content.rows))
    lines = max((row.count("\n") + 1 for row in content.rows), default=1)
    tile = (ONE_COLUMN - names) / content.values.shape[1]
    narrow = content.values.shape[1] <= PER_ROW and names < 1 and tile > LINE * lines
    sheets = [content, content.below] if content.below else [content]
    panels = [Panel(each.values, each.rows, each.columns, each.limits, each.signed, each.bar) for each in sheets]
    return sheet_figure(panels, image_shape, ONE_COLUMN if narrow else TWO_COLUMNS)
