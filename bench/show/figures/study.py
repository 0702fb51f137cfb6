"""The figures of a run, and those that compare runs: from what they left, and from how their metrics are declared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from bench.compare.stats import t_interval
from bench.errors import BenchError, first_line
from bench.show.figures import curves, heatmaps, images, scatter, units
from bench.show.figures.curves import Curve
from bench.show.figures.mapping import embed, mappable, some
from bench.show.figures.style import axis_label, short
from bench.show.sheets import sheets_of
from bench.store.folder import DamagedFile, RunFolder
from bench.store.legend import Legend
from bench.store.record import Record
from bench.store.views import Views
from metrics.base import Axis

Drawings = dict[str, Callable[[], Figure]]
"""Figures by name, each drawn when it is called."""

MAX_CURVES = 8
FEWEST_POINTS = 3
"""Places of a curve, at least."""


def drawings(record: Record, folder: RunFolder) -> Drawings:
    """All figures of one run that what it left can fill.

    BenchError where the run is not done, or left nothing that can be drawn.
    """
    if record.status != "done":
        raise BenchError(f"{record.run_id} has status '{record.status}'; figures are drawn of runs that are done.")
    if record.not_applicable:
        raise BenchError(f"{record.run_id} has nothing to draw: {first_line(record.not_applicable)}.")
    try:
        arrays, views = folder.arrays(), _with_short_names(Views.from_arrays(folder.views()))
    except DamagedFile as error:
        raise BenchError(str(error)) from error
    except ValueError as error:
        raise BenchError(
            f"views.npz of {record.run_id} is not what a run leaves ({error}); "
            f"`bench evaluate {record.run_id}` makes it again."
        ) from error
    if not views.inputs.size:
        raise BenchError(f"{record.run_id} left no views; `bench evaluate {record.run_id}` makes them.")
    legend = folder.legend()
    return {
        **_of_the_views(views),
        **_of_the_scalars(record, legend),
        **_of_the_arrays(arrays, views, legend),
        **_of_the_history(folder.history()),
    }


def _with_short_names(views: Views) -> Views:
    names = {field: getattr(views, field) for field in ("class_names", "input_names", "top_names")}
    return replace(views, **{field: np.array(list(map(short, each)), np.str_) for field, each in names.items()})


def _of_the_views(views: Views) -> Drawings:
    shape = views.image_shape.tolist()
    figures: Drawings = {sheet.name: partial(images.sheet, sheet, shape) for sheet in sheets_of(views)}
    if len(views.shown_units):
        figures["units"] = partial(units.units, views)
    if mappable(views.code_points):
        figures["t-sne"] = partial(_maps, views)
    return figures


def _maps(views: Views) -> Figure:
    """Codes, and beside them atoms where they are enough."""
    clouds = [(views.code_points, views.code_classes), (views.atom_points, views.atom_classes)]
    drawn = [part for points, classes in clouds if mappable(points) for part in _map(points, classes)]
    return scatter.maps(views.class_names.tolist(), *drawn)


def _map(points: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    chosen = some(len(points))
    return embed(points[chosen]), classes[chosen]


def _of_the_scalars(record: Record, legend: Legend) -> Drawings:
    """Each metric along its axis."""
    figures: Drawings = {}
    for name, entry in legend.metrics.items():
        axis = entry.info.curve
        if axis and not axis.quantiles and (found := _series(record, name, axis)):
            points, levels = found
            drawn = [_curve(series, each) for series, each in points.items()]
            figures[_file_name(name)] = partial(
                curves.along_axis, drawn, levels, axis.label, axis_label(entry.info), axis.log
            )
    return figures


def _series(
    record: Record, name: str, axis: Axis
) -> tuple[dict[str, list[tuple[float, float]]], dict[str, float]] | None:
    """The points of each series of a metric, and its levels; None for too few places to be a curve."""
    points: dict[str, list[tuple[float, float]]] = {}
    levels = {}
    for key, place in axis.places.items():
        value = record.metrics.get(f"{name}.{key}")
        if value is None or not np.isfinite(value):
            continue
        if place.at is None:
            levels[place.series] = value
        else:
            points.setdefault(place.series, []).append((place.at, value))
    return (points, levels) if any(len(each) >= FEWEST_POINTS for each in points.values()) else None


def _curve(label: str, points: Sequence[tuple[float, float]], model: str = "") -> Curve:
    return Curve(label, [x for x, _ in sorted(points)], [y for _, y in sorted(points)], model)


def _of_the_arrays(arrays: Mapping[str, np.ndarray], views: Views, legend: Legend) -> Drawings:
    """Each array by its dimensions; of those of classes by units the first, which says most."""
    names, roles = views.class_names.tolist(), views.unit_roles.tolist()
    figures: Drawings = {}
    kinds = set()
    for name, entry in legend.metrics.items():
        array, dimensions = arrays.get(name), entry.info.dimensions
        if array is None or array.ndim != len(dimensions) or not np.isfinite(array).any():
            continue
        if dimensions == ("class", "unit") and dimensions not in kinds and array.shape == (len(names), len(roles)):
            kinds.add(dimensions)
            order = views.unit_order.tolist()
            figures[_file_name(name)] = partial(heatmaps.by_class, array, roles, order, names, entry.info.label)
        elif dimensions == ("class", "class") and 1 < len(array) == len(names):
            categories = views.categories.tolist() or None
            figures[_file_name(name)] = partial(heatmaps.class_correlation, array, names, categories)
        elif dimensions == ("unit",) and array.size > 1:
            figures[_file_name(name)] = partial(curves.over_units, array, entry.info.label)
    return figures


def _of_the_history(history: Mapping[str, Sequence[float]]) -> Drawings:
    losses = {name: np.array(values) for name, values in history.items()}
    terms = {name: values for name, values in losses.items() if name not in ("step", "epoch")}
    if len(terms) == 2 and len({values.tobytes() for values in terms.values()}) == 1:
        terms.pop("total", None)  # of a loss with one term
    return {"training": partial(curves.training, losses["step"], terms)} if terms and "step" in losses else {}


def comparisons(records: Sequence[Record], legend: Legend, floors: Collection[str] = ()) -> Drawings:
    """Figures that compare the runs of one board, of which some models are floors.

    Every ranked metric of the printed board against the first price on it, over all seeds, and every metric along its
    axis, of the first run of each row. A legend of one of the runs says how they are read.
    """
    rows: dict[str, list[Record]] = {}
    for record in records:
        if record.status == "done":
            spec = record.spec
            rows.setdefault(repr((spec.label, spec.code, sorted(spec.variant.items()))), []).append(record)
    first = [min(row, key=lambda record: record.spec.seed) for row in rows.values()]
    return _fronts(list(rows.values()), legend, floors) | _compared_curves(first, legend)


def _fronts(rows: Sequence[Sequence[Record]], legend: Legend, floors: Collection[str]) -> Drawings:
    headline = {name: entry.info for name, entry in legend.metrics.items() if entry.info.headline}
    price = next((name for name, info in headline.items() if info.price), None)
    figures: Drawings = {}
    for name, info in headline.items():
        shown = [[r for r in row if price and name in r.metrics and r.metrics.get(price, 0.0) > 0] for row in rows]
        shown = [row for row in shown if row]
        if price and info.direction != "none" and not info.price and len(shown) > 1:
            intervals = [t_interval([record.metrics[name] for record in row]) for row in shown]
            figures[f"front-{_file_name(name)}"] = partial(
                scatter.front_figure,
                [row[0].spec.model for row in shown],
                np.array([np.mean([record.metrics[price] for record in row]) for row in shown]),
                np.array([interval.mean for interval in intervals]),
                headline[price],
                info,
                np.array([np.nan if i.half_width is None else i.half_width for i in intervals]),
                floors,
            )
    return figures


def _compared_curves(records: Sequence[Record], legend: Legend) -> Drawings:
    """Metrics with one curve a run: a curve for each of the runs that have it."""
    figures: Drawings = {}
    for name, entry in legend.metrics.items():
        axis = entry.info.curve
        if not axis or axis.quantiles or {place.series for place in axis.places.values()} != {""}:
            continue
        found = {record.run_id: _series(record, name, axis) for record in records}
        chosen = _few_enough([record for record in records if found[record.run_id]])
        drawn = []
        for record, label in zip(chosen, short_labels(chosen), strict=True):
            points, _ = found[record.run_id] or ({}, {})
            drawn.append(_curve(label, points[""], record.spec.model))
        if len(drawn) > 1:
            figures[_file_name(name)] = partial(
                curves.along_axis, drawn, {}, axis.label, axis_label(entry.info), axis.log
            )
    return figures


def short_labels(records: Sequence[Record]) -> list[str]:
    """The model of each run, and the part of its variant that another run of the model does not share."""
    variants = [record.spec.variant for record in records]
    models = [record.spec.model for record in records]
    labels = []
    for model, variant in zip(models, variants, strict=True):
        rivals = [other for name, other in zip(models, variants, strict=True) if name == model]
        told = [key for key, value in variant.items() if any(other.get(key) != value for other in rivals)]
        labels.append(" ".join([model, *(f"{key}={variant[key]}" for key in told)]))
    return labels


def _few_enough(records: Sequence[Record]) -> list[Record]:
    """The runs whose curves can be told apart: of more than 8 the first of each model."""
    if len(records) <= MAX_CURVES:
        return list(records)
    first: dict[str, Record] = {}
    for record in sorted(records, key=lambda record: len(record.spec.variant)):
        first.setdefault(record.spec.model, record)
    return [record for record in records if record in first.values()]


def _file_name(metric: str) -> str:
    return metric.replace("_", "-")
