"""Figures with lines and bars: a metric along its axis, a histogram over units, training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from bench.show.figures.style import (
    GREY,
    ONE_COLUMN,
    PALETTE,
    ROLE_COLOURS,
    TWO_COLUMNS,
    look,
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
    model: str = ""
    """Its model, whose look it has; "" for a series of one run."""


@styled
def along_axis(
    curves: Sequence[Curve], levels: Mapping[str, float], x_label: str, y_label: str, log: bool = False
) -> Figure:
    """A metric along its axis.

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
    rows = -(-(len(names) + len(levels)) // n_columns)
    figure = Figure(figsize=(ONE_COLUMN, HEIGHT + 0.14 * rows), layout="constrained")
    axes = figure.subplots()
    for index, (curve, dashes) in enumerate(zip(curves, _dashes(curves), strict=True)):
        style = look(curve.model) if curve.model else None
        colour = style.colour if style else ROLE_COLOURS.get(curve.label, PALETTE[index % len(PALETTE)])
        marker = style.marker if style else MARKERS[index % len(MARKERS)]
        axes.plot(curve.x, curve.y, color=colour, marker=marker, ls=dashes, label=curve.label or None, clip_on=False)
    for name, value in levels.items():
        axes.axhline(value, color=ROLE_COLOURS.get(name, GREY), ls="--", lw=1, label=name)
    _scale(axes, sorted({x for curve in curves for x in curve.x}), log)
    values = [*levels.values(), *(y for curve in curves for y in curve.y)]
    if 0 <= min(values) <= NEAR_ZERO * max(values):
        axes.set_ylim(bottom=0, top=1.08 * max(values) or 1)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    whole = all(float(value).is_integer() for value in values)
    axes.yaxis.set_major_locator(round_ticks(5, integer=whole))
    if names or levels:
        figure.legend(loc="outside upper center", ncols=n_columns)
    return figure


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
    models = [curve.model for curve in curves]
    return [styles[models[:i].count(model) % len(styles)] if model else "-" for i, model in enumerate(models)]


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
    if bins["zeros"]:
        step = edges[1] - edges[0] if len(edges) > 1 else 1.0
        start = edges[0] if len(edges) else 0.0
        axes.bar(
            start - 3 * step, bins["zeros"], width=step, color=ROLE_COLOURS["dead"], label=f"zero ({bins['zeros']})"
        )
        powers = [power for power in range(-50, 50) if len(edges) and edges[0] <= power <= edges[-1] + step]
        ticks = [start - 3 * step, *powers]
        axes.set_xticks(ticks, ["0", *(f"$10^{{{power}}}$" if power else "1" for power in powers)])
    axes.set_xlabel(label + (", logarithmic" if bins["log"] and not bins["zeros"] else ""))
    axes.set_ylabel("units")
    axes.yaxis.set_major_locator(round_ticks(5, integer=True))
    figure.legend(loc="outside upper center", ncols=2)
    return figure


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
            axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(round_ticks(4))
    axes.xaxis.set_major_locator(round_ticks(3, integer=True) if len(steps) > 1 else FixedLocator(steps.tolist()))
    axes.set_title(name.replace("_", " "), loc="left")
