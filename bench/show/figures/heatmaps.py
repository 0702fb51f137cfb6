"""Figures of classes by units, and of classes by classes."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from bench.show.figures.style import (
    GREY,
    ONE_COLUMN,
    ROLE_COLOURS,
    SMALL_FONT,
    TWO_COLUMNS,
    round_ticks,
    styled,
    text_inches,
)


@styled
def by_class(means: np.ndarray, roles: Sequence[str], order: Sequence[int], names: Sequence[str], label: str) -> Figure:
    """A number in [0, 1] of each unit in each class, (C, M), units in an order that keeps each role together.

    Colours go with the square root: small values stay visible, and the scale is the same for all models.
    """
    width, left, right, top = TWO_COLUMNS, 0.1 + text_inches(list(names)), 0.75, 0.2
    strip, below, body = 0.09, 0.36, min(3.0, max(0.35, 0.16 * len(means)))
    height = top + strip + 0.03 + body + below
    figure = Figure(figsize=(width, height))

    def box(x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
        return x / width, 1 - (y + h) / height, w / width, h / height

    inner = width - left - right
    marks = figure.add_axes(box(left, top, inner, strip))
    axes = figure.add_axes(box(left, top + strip + 0.03, inner, body))
    known = list(ROLE_COLOURS)
    codes = np.array([[known.index(roles[unit]) for unit in order]])
    marks.imshow(
        codes,
        cmap=ListedColormap(list(ROLE_COLOURS.values())),
        vmin=-0.5,
        vmax=len(known) - 0.5,
        aspect="auto",
        interpolation="none",
    )
    marks.set_axis_off()
    shown = axes.imshow(
        means[:, list(order)], cmap="viridis", norm=PowerNorm(0.5, 0, 1), aspect="auto", interpolation="none"
    )
    axes.set_yticks(range(len(names)), list(names))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"units (M = {means.shape[1]}), ordered by role")
    axes.xaxis.set_major_locator(round_ticks(8, integer=True))
    bar = figure.colorbar(shown, cax=figure.add_axes(box(left + inner + 0.08, top + strip + 0.03, 0.09, body)))
    bar.set_ticks([0, 0.25, 1] if body < 0.8 else [0, 0.05, 0.25, 0.5, 1])
    bar.ax.minorticks_off()
    bar.set_label(label, size=SMALL_FONT)
    _role_legend(figure, roles, left / width)
    return figure


def _role_legend(figure: Figure, roles: Sequence[str], left: float) -> None:
    """The roles that occur and their counts, above the strip that marks them."""
    counts = {role: list(roles).count(role) for role in ROLE_COLOURS}
    handles = [Patch(color=ROLE_COLOURS[role], label=f"{role} ({n})") for role, n in counts.items() if n]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(left, 0.99),
        ncols=len(ROLE_COLOURS),
        borderaxespad=0,
        borderpad=0.2,
        handlelength=1.0,
    )


@styled
def class_correlation(correlation: np.ndarray, names: Sequence[str], categories: Sequence[str] | None = None) -> Figure:
    """Correlation of the classes' mean activation, (C, C); grey where it is not defined.

    Classes of one category stand together, with a frame.
    """
    order, blocks = list(range(len(names))), dict[str, tuple[int, int]]()
    if categories is not None:
        order, blocks = _by_category(categories)
    n, margin = len(names), 0.12 + text_inches(list(names))
    side = ONE_COLUMN - margin - 0.66
    side = min(side, 0.4 * n)
    width, height = margin + side + 0.66, side + 0.1 + 0.72 * margin + 0.1
    figure = Figure(figsize=(max(width, 1.6), height))
    width = max(width, 1.6)
    base = height - 0.06 - side
    axes = figure.add_axes((margin / width, base / height, side / width, side / height))
    colours = matplotlib.colormaps["RdBu_r"].with_extremes(bad=GREY)
    shown = axes.imshow(correlation[np.ix_(order, order)], cmap=colours, vmin=-1, vmax=1, interpolation="none")
    ordered = [names[i] for i in order]
    axes.set_yticks(range(n), ordered)
    upright = text_inches(ordered) < 0.9 * side / n
    slant = {} if upright else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(n), ordered, **slant)  # type: ignore[arg-type]
    axes.tick_params(length=0, pad=2)
    axes.spines[:].set_visible(False)
    for start, size in blocks.values():
        if size > 1:
            axes.add_patch(Rectangle((start - 0.5, start - 0.5), size, size, fill=False, lw=1.2, ec="black"))
    box = ((margin + side + 0.07) / width, base / height, 0.08 / width, side / height)
    bar = figure.colorbar(shown, cax=figure.add_axes(box))
    bar.set_ticks([-1, -0.5, 0, 0.5, 1])
    bar.set_label("correlation", size=SMALL_FONT, labelpad=1)
    return figure


def _by_category(categories: Sequence[str]) -> tuple[list[int], dict[str, tuple[int, int]]]:
    """Classes with those of their category, categories in the order they come; where each starts, and its size."""
    found = list(dict.fromkeys(categories))
    order = sorted(range(len(categories)), key=lambda i: found.index(categories[i]))
    blocks, start = {}, 0
    for category in found:
        size = list(categories).count(category)
        blocks[category] = (start, size)
        start += size
    return order, blocks
