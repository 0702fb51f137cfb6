"""Figures with points: maps of codes and atoms, and quality against sparsity."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.compare.readings import NEAR
from bench.show.axes import DECADES
from bench.show.figures.multiples import faint, legend_of, name_axes, together_or_apart
from bench.show.figures.style import (
    CLASS_PALETTE,
    GREY,
    ONE_COLUMN,
    TWO_COLUMNS,
    Look,
    axis_label,
    log_ticks,
    round_ticks,
    styled,
)
from metrics.base import MetricInfo

LEAST_SPAN = 0.05
"""Share of the largest price that its axis covers, at least."""


@styled
def maps(
    names: Sequence[str],
    codes: np.ndarray,
    classes: np.ndarray,
    atoms: np.ndarray | None = None,
    atom_classes: np.ndarray | None = None,
) -> Figure:
    """Points in the plane for codes (N, 2) and, beside them, atoms (M, 2), coloured by class.

    Parameters
    ----------
    classes, atom_classes : array of int
        Index into `names` of each point: a sample's class, and the class in which an atom's unit is on most; grey
        where negative.
    """
    panels = [(codes, classes, f"codes ({len(codes)})")]
    if atoms is not None and atom_classes is not None:
        panels.append((atoms, atom_classes, f"atoms ({len(atoms)})"))
    single = len(panels) == 1
    figure = Figure(figsize=(ONE_COLUMN if single else TWO_COLUMNS, 2.6 if single else 2.95), layout="constrained")
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (points, belong, title) in zip(row, panels, strict=True):
        _cloud(axes, points, belong)
        axes.set_title(title)
    shown = sorted({int(c) for c in np.concatenate([belong for _, belong, _ in panels]) if c >= 0})
    handles = [
        Line2D([], [], ls="", marker="o", ms=4, color=CLASS_PALETTE[c % len(CLASS_PALETTE)], label=names[c])
        for c in shown
    ]
    if handles:
        figure.legend(handles=handles, loc="outside right center", handletextpad=0.1)
    return figure


def _cloud(axes: Axes, points: np.ndarray, classes: np.ndarray) -> None:
    colours = [CLASS_PALETTE[c % len(CLASS_PALETTE)] if c >= 0 else GREY for c in classes.tolist()]
    axes.scatter(points[:, 0], points[:, 1], c=colours, s=5, lw=0, alpha=0.85)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.4, color=GREY)


def front(models: Sequence[str], price: np.ndarray, values: np.ndarray, maximise: bool = False) -> np.ndarray:
    """Indices of the points that no other beats in both a lower price and a better value, by price.

    Prices that are all but equal count as one. Nor does another model's line beat them, between two of its points and
    in the logarithm of the price: at the price of one model's setting another may have none.
    """
    signed = -values if maximise else values
    best, kept = np.inf, []
    for i in np.lexsort((signed, price)).tolist():
        if signed[i] < best and signed[i] == signed[price <= NEAR * price[i]].min():
            best = signed[i]
            kept.append(i)
    lines = {model: _by_price(models, price, model) for model in models}
    others = {i: [line for model, line in lines.items() if model != models[i]] for i in kept}
    paid = np.log(price)
    beaten = {
        i for i in kept if any(np.interp(paid[i], paid[j], signed[j], np.inf, np.inf) < signed[i] for j in others[i])
    }
    return np.array([i for i in kept if i not in beaten], dtype=np.int64)


@styled
def front_figure(
    models: Sequence[str],
    styles: Mapping[str, Look],
    price: np.ndarray,
    values: np.ndarray,
    paid: MetricInfo,
    gained: MetricInfo,
    spread: np.ndarray | None = None,
    floors: Collection[str] = (),
) -> Figure:
    """A metric against what it is paid with, and the front of the best as a broad line below.

    More than 8 models have a panel each, in which the others are grey.

    Parameters
    ----------
    styles : mapping
        Model -> its look.
    price, values : array, (R,)
        Means of each row over its seeds. Those of a model that has several are joined.
    spread : array, (R,), optional
        Half-widths of the intervals of the values: a band, or a bar of a row alone; NaN for one without.
    floors : collection of str
        Models that are drawn in grey, as far as they lie where the others do, and are not of the front.
    """
    ranked = np.array([model not in floors for model in models])
    ranked |= not ranked.any()  # alone, they are drawn as any other
    order = _distinct(models, ranked)
    n_entries = len(order) + 1 + (not ranked.all())
    figure, shown = together_or_apart(order, order, 2.1 + 0.15 * -(-n_entries // 3))
    grid = list(shown)
    shown_models = np.array(models)[ranked].tolist()
    best = np.flatnonzero(ranked)[front(shown_models, price[ranked], values[ranked], gained.direction == "max")]
    for axes, own in shown.items():
        for model in order:
            mine = _by_price(models, price, model)
            if model in own:
                label = model if len(grid) == 1 else None
                spreads = None if spread is None else spread[mine]
                _row(axes, label, styles[model], price[mine], values[mine], spreads)
            else:
                faint(axes, price[mine], values[mine])
        if len(best) > 1:
            width = 4 if len(grid) == 1 else 2.5
            axes.plot(price[best], values[best], color=GREY, lw=width, alpha=0.5, zorder=1 / len(grid), label="front")
    _scale(grid, price[ranked], values[ranked], gained.direction == "min")
    limits = grid[0].axis()  # floors widen neither what the others gain nor what they pay
    for axes in grid:
        for model in _distinct(models, ~ranked):
            mine = _by_price(models, price, model)
            _floor(axes, styles[model], price[mine], values[mine])
    grid[0].axis(limits)
    name_axes(figure, grid, axis_label(paid), axis_label(gained))
    legend_of(figure, grid[-1], 3)
    return figure


def _scale(grid: Sequence[Axes], price: np.ndarray, values: np.ndarray, minimise: bool) -> None:
    """One scale for all panels: logarithmic where numbers spread widely, and fewer ticks in small ones."""
    digits, n_ticks = ((1, 2, 5), 5) if len(grid) == 1 else ((1, 3), 3)
    for axes in grid:
        if _spans(price):
            axes.set_xscale("log")
            log_ticks(axes.xaxis, digits)
        else:
            _widen(axes, float(price.max()))
        if minimise and _spans(values):
            _log_scale(axes, values, digits)
        else:
            axes.yaxis.set_major_locator(round_ticks(n_ticks))


def _spans(values: np.ndarray) -> bool:
    """Whether values are better told apart by their logarithms."""
    return bool((values > 0).all()) and values.max() > 8 * values.min()


def _widen(axes: Axes, most: float) -> None:
    """A linear axis of the price that does not make much of what is all but one price."""
    low, high = axes.get_xlim()
    missing = LEAST_SPAN * most - (high - low)
    if missing > 0:
        axes.set_xlim(low - missing / 2, high + missing / 2)


def _log_scale(axes: Axes, values: np.ndarray, digits: Sequence[int]) -> None:
    """Values by their logarithms; what is a rounding error beside the largest leaves the frame."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    most = float(values.max())
    least = most / 10**DECADES
    if low < least:
        low, high = least, 1.5 * most
    axes.set_ylim(low, high)
    log_ticks(axes.yaxis, digits)


def _distinct(models: Sequence[str], shown: np.ndarray) -> list[str]:
    """The models of the rows that are shown, in their order."""
    return list(dict.fromkeys(np.array(models)[shown].tolist()))


def _by_price(models: Sequence[str], price: np.ndarray, model: str) -> np.ndarray:
    """The rows of a model, from the lowest price to the highest."""
    mine = np.flatnonzero(np.array(models) == model)
    return mine[np.argsort(price[mine], kind="stable")]


def _floor(axes: Axes, style: Look, price: np.ndarray, values: np.ndarray) -> None:
    """The rows of a floor."""
    axes.plot(price, values, ":", color=GREY, marker=style.marker, ms=3, lw=0.6, zorder=0.5, label="floors")


def _row(
    axes: Axes, label: str | None, style: Look, price: np.ndarray, values: np.ndarray, spread: np.ndarray | None
) -> None:
    """The rows of one model, by price."""
    size = 30 if len(price) == 1 else 14
    axes.scatter(
        price, values, color=style.colour, marker=style.marker, s=size, lw=0.4, ec="white", label=label, zorder=3
    )
    if len(price) > 1:
        axes.plot(price, values, color=style.colour, lw=0.8, zorder=2)
    if spread is None:
        return
    if len(price) > 1:
        low, high = values - spread, values + spread
        axes.fill_between(price, low, high, color=style.colour, alpha=0.2, lw=0, zorder=1.5)
    elif np.isfinite(spread[0]):
        axes.errorbar(price, values, spread, color=style.colour, lw=0.8, zorder=2)
