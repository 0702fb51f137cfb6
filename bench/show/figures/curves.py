"""Figures with lines: roles over tau, unit density, reconstruction over the budget at inference, training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from bench.show.figures.style import GREY, ONE_COLUMN, PALETTE, ROLE_COLOURS, TWO_COLUMNS, look, styled, text_inches

HEIGHT = 2.1
PER_ROW = 3
ROLE_MARKERS = {"global": "o", "shared": "s", "exclusive": "^"}


@dataclass(frozen=True)
class Curve:
    """What a row of a board scores at several budgets: its model, its label, and points (x, y)."""

    model: str
    label: str
    x: Sequence[float]
    y: Sequence[float]


@styled
def roles_over_tau(taus: Sequence[float], counts: Mapping[str, Sequence[float]], dead: float) -> Figure:
    """Units of each role (global, shared, exclusive) by the rate tau at which a unit counts as on in a class.

    Dead units do not depend on tau: a dashed line.
    """
    figure = Figure(figsize=(ONE_COLUMN, HEIGHT), layout="constrained")
    axes = figure.subplots()
    for role, values in counts.items():
        axes.plot(taus, values, color=ROLE_COLOURS[role], marker=ROLE_MARKERS[role], label=role, clip_on=False)
    axes.axhline(dead, color=ROLE_COLOURS["dead"], ls="--", lw=1, label="dead")
    axes.set_xlabel(r"threshold $\tau$")
    axes.set_ylabel("units")
    axes.set_xticks(list(taus))
    axes.set_ylim(bottom=0, top=1.08 * max(1.0, dead, *(max(values) for values in counts.values())))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    figure.legend(loc="outside upper center", ncols=4)
    return figure


@styled
def density(rates: np.ndarray, n_bins: int = 24) -> Figure:
    """Histogram of the rates (M,) at which units are on, by their logarithm; those never on as a bar of their own."""
    figure = Figure(figsize=(ONE_COLUMN, HEIGHT), layout="constrained")
    axes = figure.subplots()
    live = np.log10(rates[rates > 0])
    low = float(np.floor(live.min())) if len(live) else -1.0
    low = min(low, -1.0)
    axes.hist(live, bins=np.linspace(low, 0, n_bins + 1).tolist(), color=PALETTE[0], label=f"live ({len(live)})")
    step = -low / n_bins
    n_dead = len(rates) - len(live)
    if n_dead:
        axes.bar(low - 3 * step, n_dead, width=step, color=ROLE_COLOURS["dead"], label=f"never on ({n_dead})")
    whole = np.arange(int(low), 1)
    names = [f"$10^{{{power}}}$" if power else "1" for power in whole]
    axes.set_xticks([*([low - 3 * step] if n_dead else []), *whole], [*(["0"] if n_dead else []), *names])
    axes.set_xlabel("share of samples a unit is on in")
    axes.set_ylabel("units")
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@styled
def inference_budget(curves: Sequence[Curve]) -> Figure:
    """FVU when another number of units than the trained one may be active: k'/k on a logarithmic axis."""
    n_columns = max(1, min(3, int(ONE_COLUMN / (0.5 + text_inches([curve.label for curve in curves])))))
    figure = Figure(figsize=(ONE_COLUMN, HEIGHT + 0.14 * -(-len(curves) // n_columns)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(1, color=GREY, lw=0.8, ls=":")
    for curve, dashes in zip(curves, _dashes([curve.model for curve in curves]), strict=True):
        style = look(curve.model)
        axes.plot(curve.x, curve.y, color=style.colour, marker=style.marker, ls=dashes, label=curve.label)
    axes.set_xscale("log", base=2)
    ticks = [factor for factor in (0.125, 0.25, 0.5, 1, 2, 4, 8) if _within(factor, curves)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}" if x >= 1 else f"1/{1 / x:g}"))
    axes.set_xlabel("units at inference / trained k")
    axes.set_ylabel("FVU")
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside upper center", ncols=n_columns)
    return figure


def _within(factor: float, curves: Sequence[Curve]) -> bool:
    points = [x for curve in curves for x in curve.x]
    return min(points) <= factor <= max(points)


def _dashes(models: Sequence[str]) -> list[str]:
    """A line style for each, another for each row of one model."""
    styles = ("-", "--", ":", "-.")
    return [styles[list(models[:i]).count(model) % len(styles)] for i, model in enumerate(models)]


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
        axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.set_title(name.replace("_", " "), loc="left")
