"""Figures with lines and bars: a metric along its axis, a histogram over units, training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from bench.compare.prices import round_levels
from bench.show.figures.multiples import faint, legend_of, name_axes, together_or_apart
from bench.show.figures.style import (
    GREY,
    ONE_COLUMN,
    PALETTE,
    ROLE_COLOURS,
    TWO_COLUMNS,
    Look,
    log_ticks,
    round_ticks,
    styled,
    text_inches,
)
from bench.show.histograms import histogram

HEIGHT = 2.1
PER_ROW = 3
NEAR_ZERO = 0.5
"""Smallest over largest value up to which a curve is drawn from zero: of others the differences are to be seen."""
MARKERS = ("o", "s", "^", "D", "v")


@dataclass(frozen=True)
class Curve:
    """What a run or a row scores at several places of an axis."""

    label: str
    """Name in the legend."""
    x: Sequence[float]
    """Places."""
    y: Sequence[float]
    """Scores."""
    look: Look | None = None
    """That of its model; None for a series of one run."""


@styled
def along_axis(
    curves: Sequence[Curve], levels: Mapping[str, float], x_label: str, y_label: str, log: bool = False
) -> Figure:
    """A metric along its axis. More than 8 curves have a panel each, in which the others are grey.

    Parameters
    ----------
    curves : sequence of Curve
        At least one.
    levels : mapping
        Name -> a value that holds everywhere: a dashed line.
    log : bool
        Whether the axis is logarithmic.
    """
    names = [curve.label for curve in curves if curve.label]
    n_columns = max(1, min(4, int(ONE_COLUMN / (0.5 + text_inches([*names, *levels])))))
    height = HEIGHT + 0.14 * -(-(len(names) + len(levels)) // n_columns)
    figure, shown = together_or_apart(curves, [curve.label for curve in curves], height)
    grid = list(shown)
    styles = list(zip(curves, _dashes(curves), strict=True))
    for axes, own in shown.items():
        for index, (curve, dashes) in enumerate(styles):
            if curve in own:
                _line(axes, curve, index, dashes, (curve.label or None) if len(grid) == 1 else None)
            else:
                faint(axes, curve.x, curve.y)
        for name, value in levels.items():
            axes.axhline(value, color=ROLE_COLOURS.get(name, GREY), ls="--", lw=1, label=name)
        _scale(axes, sorted({x for curve in curves for x in curve.x}), log)
    values = [*levels.values(), *(y for curve in curves for y in curve.y)]
    if 0 <= min(values) <= NEAR_ZERO * max(values):
        grid[0].set_ylim(bottom=0, top=1.08 * max(values) or 1)
    name_axes(figure, grid, x_label, y_label)
    whole = all(float(value).is_integer() for value in values)
    for axes in grid:
        axes.yaxis.set_major_locator(round_ticks(5 if len(grid) == 1 else 3, integer=whole))
    legend_of(figure, grid[-1], n_columns)
    return figure


def _line(axes: Axes, curve: Curve, index: int, dashes: str, label: str | None) -> None:
    """A curve in the look of its model, else in that of its place."""
    own = Look(ROLE_COLOURS.get(curve.label, PALETTE[index % len(PALETTE)]), MARKERS[index % len(MARKERS)])
    colour, marker = curve.look or own
    axes.plot(curve.x, curve.y, color=colour, marker=marker, ls=dashes, label=label, clip_on=False)


def _scale(axes: Axes, places: Sequence[float], log: bool) -> None:
    """Ticks at the places, which are few."""
    if log:
        axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(list(places)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}" if x >= 1 or not log else f"1/{1 / x:g}"))


def _dashes(curves: Sequence[Curve]) -> list[str]:
    """A line style for each, another for each row of one model."""
    styles = ("-", "--", ":", "-.")
    looks = [curve.look for curve in curves]
    return [styles[looks[:i].count(look) % len(styles)] if look else "-" for i, look in enumerate(looks)]


@styled
def over_units(values: np.ndarray, label: str) -> Figure:
    """Histogram of a number of each unit (M,), by its logarithm where it spreads widely, with a bar for zeros."""
    bins = histogram(values)
    edges, counts = np.array(bins["edges"]), np.array(bins["counts"])
    figure = Figure(figsize=(ONE_COLUMN, HEIGHT), layout="constrained")
    axes = figure.subplots()
    if len(counts):
        axes.bar(
            edges[:-1], counts, width=np.diff(edges), align="edge", color=PALETTE[0], label=f"units ({counts.sum()})"
        )
    zeros = _zeros(axes, edges, bins["zeros"]) if bins["zeros"] else {}
    if bins["log"]:
        ticks = zeros | _log_places(edges[0], edges[-1])
        axes.set_xticks(list(ticks), list(ticks.values()))
    else:
        axes.xaxis.set_major_locator(round_ticks(5))
    axes.set_xlabel(label)
    axes.set_ylabel("units")
    axes.yaxis.set_major_locator(round_ticks(5, integer=True))
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def _zeros(axes: Axes, edges: np.ndarray, n_zeros: int) -> dict[float, str]:
    """A bar for zeros, left of a logarithmic axis; where, and what its tick is called."""
    step = edges[1] - edges[0]
    place = float(edges[0] - 3 * step)
    axes.bar(place, n_zeros, width=step, color=ROLE_COLOURS["dead"], label=f"zero ({n_zeros})")
    return {place: "0"}


def _log_places(low: float, high: float) -> dict[float, str]:
    """Ticks between two logarithms: at the powers of ten, of few at 1, 2 and 5 times these."""
    powers = range(math.ceil(low), math.floor(high) + 1)
    if len(powers) > 1:
        return {power: f"$10^{{{power}}}$" if power else "1" for power in powers}
    return {math.log10(level): f"{level:g}" for level in round_levels(10**low, 10**high)}


@styled
def training(steps: np.ndarray, terms: Mapping[str, np.ndarray]) -> Figure:
    """Each term of the loss over optimiser steps, a panel each: their scales differ by orders of magnitude."""
    per_row = len(terms) if len(terms) <= PER_ROW + 1 else PER_ROW
    n_rows = -(-len(terms) // per_row)
    width = (ONE_COLUMN, 2 * TWO_COLUMNS / 3, TWO_COLUMNS, TWO_COLUMNS)[per_row - 1]
    figure = Figure(figsize=(width, 0.25 + 1.45 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, per_row, squeeze=False, sharex=True)
    for i, axes in enumerate(panels.flat):
        if i >= len(terms):
            axes.set_axis_off()
            continue
        name = list(terms)[i]
        _term(axes, steps, terms[name], name)
        last = i + per_row >= len(terms)
        axes.tick_params(labelbottom=last)
        if last:
            axes.set_xlabel("optimiser step")
    return figure


def _term(axes: Axes, steps: np.ndarray, values: np.ndarray, name: str) -> None:
    """One term; logarithmic where it falls by more than a factor of 20."""
    marker = "o" if len(steps) == 1 else ""
    axes.plot(steps, values, color=PALETTE[6 if name == "total" else 0], lw=1, marker=marker)
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() > 20 * finite.min():
        axes.set_yscale("log")
        if finite.max() < 1000 * finite.min():
            log_ticks(axes.yaxis)
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(round_ticks(4))
    axes.xaxis.set_major_locator(round_ticks(3, integer=True) if len(steps) > 1 else FixedLocator(steps.tolist()))
    axes.set_title(name.replace("_", " "), loc="left")
