"""Sheets of pictures: rows and columns of inputs, each drawn as an image, or as a line of a heatmap where it is none.

A sheet is one array with gaps, not an axes a picture: it is exact in its alignment, and quick.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.show.figures.style import SMALL_FONT, letter_panels, text_inches
from bench.show.sheets import pictures_of

PAD = 0.06
BAR_WIDTH, BAR_SPACE, MIN_BAR = 0.08, 0.62, 0.5
LETTER = 0.16
MAX_LINES = 100
"""Lines of a heatmap that have a label each, at most."""

MAX_TILE = 0.5
"""Width of a picture in inches, at most."""

LINE_INCHES = 0.11
"""Height of one input that is drawn as a line, at least."""


@dataclass(frozen=True)
class Panel:
    """One sheet of a figure."""

    values: np.ndarray
    """R rows of S inputs, (R, S, D)."""
    rows: Sequence[str]
    """Labels of the rows; none where empty."""
    columns: Sequence[str]
    """Labels of the columns; none where empty."""
    limits: tuple[float, float]
    """Values of the first and last colour."""
    signed: bool = False
    """Whether colours diverge, white at the middle of the limits; else black to white."""
    bar: str = ""
    """Label of the colour bar; without one where empty. Pictures in colour have none: their grey is the middle."""


@dataclass(frozen=True)
class Mosaic:
    """Pictures side by side."""

    pixels: np.ndarray
    """Their values (H, W), in colour (H, W, 3), NaN between them."""
    row_centres: np.ndarray
    """Where the rows are centred, in pixels."""
    column_centres: np.ndarray
    """The same of the columns."""
    is_image: bool
    """Whether inputs are images; else each is a line."""


def mosaic(values: np.ndarray, image_shape: Sequence[int]) -> Mosaic:
    """Rows of inputs (R, S, D) side by side; vectors as R blocks of S lines."""
    values = np.asarray(values, dtype=np.float64)
    pictures = pictures_of(values, image_shape)
    if pictures is None:
        return _lines(values)
    n_rows, n_columns, height, width, *channels = pictures.shape
    gap = max(1, round(width / 14))
    pixels = np.full((n_rows * (height + gap) - gap, n_columns * (width + gap) - gap, *channels), np.nan)
    tops, lefts = np.arange(n_rows) * (height + gap), np.arange(n_columns) * (width + gap)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            pixels[top : top + height, left : left + width] = pictures[row, column]
    return Mosaic(pixels, tops + (height - 1) / 2, lefts + (width - 1) / 2, True)


def _lines(values: np.ndarray) -> Mosaic:
    n_rows, n_lines, n_features = values.shape
    pixels = np.full((n_rows * (n_lines + 1) - 1, n_features), np.nan)
    starts = np.arange(n_rows) * (n_lines + 1)
    for row, start in enumerate(starts):
        pixels[start : start + n_lines] = values[row]
    return Mosaic(pixels, starts + (n_lines - 1) / 2, np.array([(n_features - 1) / 2]), False)


def sheet_figure(panels: Sequence[Panel], image_shape: Sequence[int], width: float) -> Figure:
    """Panels below each other, their pictures aligned and as large as the width allows."""
    mosaics = [mosaic(panel.values, image_shape) for panel in panels]
    panels = [
        replace(each, bar="") if tiled.pixels.ndim == 3 else each for each, tiled in zip(panels, mosaics, strict=True)
    ]
    labels = [_row_labels(panel, tiled) for panel, tiled in zip(panels, mosaics, strict=True)]
    left = PAD + max(text_inches(each) for each in labels) + (0.06 if any(map(any, labels)) else 0)
    left = max(left, LETTER + PAD if len(panels) > 1 else 0.0)
    tops, overhang = _header(panels, mosaics, width - left)
    right = PAD + (BAR_SPACE if any(panel.bar for panel in panels) else 0.0)
    inner = min(width - left - max(right, overhang), max(_widest(tiled) for tiled in mosaics))
    width = left + inner + max(right, overhang)  # narrower than asked for where pictures are few
    heights = [_height(tiled, inner) for tiled in mosaics]
    blocks = [max(height, MIN_BAR if panel.bar else 0) for panel, height in zip(panels, heights, strict=True)]
    total = sum(blocks) + sum(tops) + PAD * (len(panels) + 1)
    figure = Figure(figsize=(width, total))
    corners, y = [], PAD
    for panel, tiled, names, top, height, block in zip(panels, mosaics, labels, tops, heights, blocks, strict=True):
        corners.append((PAD, y))
        y += top
        axes = figure.add_axes((left / width, 1 - (y + height) / total, inner / width, height / total))
        shown = _draw(axes, panel, tiled, names, rotate=overhang > PAD)
        if panel.bar:
            bar_height = min(block, 1.4)
            box = ((left + inner + 0.06) / width, 1 - (y + bar_height) / total, BAR_WIDTH / width, bar_height / total)
            bar = figure.colorbar(shown, cax=figure.add_axes(box), label=panel.bar)
            bar.outline.set_linewidth(0.4)
            bar.ax.yaxis.label.set_fontsize(SMALL_FONT)
            bar.ax.locator_params(nbins=4 if block > MIN_BAR else 2)
        y += block + PAD
    letter_panels(figure, corners)
    return figure


def _row_labels(panel: Panel, tiled: Mosaic) -> list[str]:
    """A label for each row; for vectors one for each line, where they are few enough to read."""
    if tiled.is_image or not panel.columns or len(panel.values) * len(panel.columns) > MAX_LINES:
        return list(panel.rows)
    rows = panel.rows or [""] * len(panel.values)
    firsts = [f"{row}  {panel.columns[0]}".replace("\n", " ").strip() for row in rows]
    return [label for first in firsts for label in (first, *panel.columns[1:])]


def _header(panels: Sequence[Panel], mosaics: Sequence[Mosaic], inner: float) -> tuple[list[float], float]:
    """Space above each panel for its column labels, and to the right of all where they are slanted."""
    tops, overhang = [], PAD
    letters = LETTER if len(panels) > 1 else 0.0
    pairs = zip(panels, mosaics, strict=True)
    widths = [text_inches(list(panel.columns)) if tiled.is_image else 0.0 for panel, tiled in pairs]
    tiles = [inner / len(tiled.column_centres) for tiled in mosaics]
    slanted = any(width > 0.95 * tile for width, tile in zip(widths, tiles, strict=True))
    for width in widths:
        tops.append(max(letters, (0.72 * width + 0.12 if slanted else 0.15) if width else 0.0))
        overhang = max(overhang, 0.72 * width + PAD if slanted else PAD)
    return tops, overhang


def _widest(tiled: Mosaic) -> float:
    return MAX_TILE * len(tiled.column_centres) if tiled.is_image else math.inf


def _height(tiled: Mosaic, width: float) -> float:
    height, length = tiled.pixels.shape[:2]
    return float(width * height / length) if tiled.is_image else max(0.3, min(7.0, LINE_INCHES * height))


def _draw(axes: Axes, panel: Panel, tiled: Mosaic, names: list[str], rotate: bool) -> matplotlib.image.AxesImage:
    """The mosaic with its labels and no frame."""
    colours = matplotlib.colormaps["RdBu_r" if panel.signed else "gray"].with_extremes(bad="white")
    low, high = panel.limits
    in_colour = tiled.pixels.ndim == 3
    shown = axes.imshow(
        np.nan_to_num(np.clip((tiled.pixels - low) / (high - low), 0, 1), nan=1) if in_colour else tiled.pixels,
        cmap=colours,
        vmin=low,
        vmax=high,
        interpolation="none",
        aspect="equal" if tiled.is_image else "auto",
    )
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=2, top=False, labeltop=True, bottom=False, labelbottom=False)
    one_a_line = len(names) > len(tiled.row_centres)
    centres = np.flatnonzero(~np.isnan(tiled.pixels).all(1)) if one_a_line else tiled.row_centres
    axes.set_yticks(centres if names else [], names)
    if tiled.is_image and panel.columns:
        slant = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"} if rotate else {}
        axes.set_xticks(tiled.column_centres, list(panel.columns), **slant)  # type: ignore[arg-type]
    else:
        axes.set_xticks([])
    return shown
