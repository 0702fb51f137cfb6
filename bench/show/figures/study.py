"""The figures of a run: from what it left, and from how its metrics are declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from bench.errors import BenchError, first_line
from bench.show.axes import FEWEST_POINTS
from bench.show.figures import curves, heatmaps, images, scatter, units
from bench.show.figures.curves import Curve
from bench.show.figures.mapping import embed, mappable, some
from bench.show.figures.style import Look, axis_label, short
from bench.show.sheets import sheets_of
from bench.store.folder import DamagedFile, RunFolder
from bench.store.legend import Legend
from bench.store.record import Record
from bench.store.views import Views
from metrics.base import Axis

Drawings = dict[str, Callable[[], Figure]]
"""Figures by name, each drawn when it is called."""


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
            drawn = [curve(series, each) for series, each in points.items()]
            figures[file_name(name)] = partial(
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


def curve(label: str, points: Sequence[tuple[float, float]], look: Look | None = None) -> Curve:
    """A curve from its points, in any order."""
    return Curve(label, [x for x, _ in sorted(points)], [y for _, y in sorted(points)], look)


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
            figures[file_name(name)] = partial(heatmaps.by_class, array, roles, order, names, entry.info.label)
        elif dimensions == ("class", "class") and 1 < len(array) == len(names):
            categories = views.categories.tolist() or None
            figures[file_name(name)] = partial(heatmaps.class_correlation, array, names, categories)
        elif dimensions == ("unit",) and array.size > 1:
            figures[file_name(name)] = partial(curves.over_units, array, entry.info.label)
    return figures


def _of_the_history(history: Mapping[str, Sequence[float]]) -> Drawings:
    losses = {name: np.array(values) for name, values in history.items()}
    terms = {name: values for name, values in losses.items() if name not in ("step", "epoch")}
    if len(terms) == 2 and len({values.tobytes() for values in terms.values()}) == 1:
        terms.pop("total", None)  # of a loss with one term
    return {"training": partial(curves.training, losses["step"], terms)} if terms and "step" in losses else {}


def file_name(metric: str) -> str:
    """What the figure of a metric is called."""
    return metric.replace("_", "-")
