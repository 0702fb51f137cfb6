"""What the shown runs left, rounded to what an eye can tell apart."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.compare.boards import Board
from bench.show.histograms import histogram
from bench.show.report.artefacts import Left
from bench.show.report.packing import significant
from bench.store.record import Record
from metrics.base import Dimension

if TYPE_CHECKING:
    import numpy as np

MOST_CLASSES = 64
"""Rows and columns of the largest heatmap of classes that is drawn."""
MOST_UNITS = 2000
"""Units of a heatmap of classes by units; what is left out are the last in the order of roles, the dead ones."""
MOST_POINTS = 120
"""Points of a curve; longer ones are thinned out evenly."""


def structure(board: Board, left: Mapping[str, Left]) -> dict[str, Any]:
    """Row -> what figures show of its runs, the lowest seed first, and why some of it is missing."""
    first = {record.run_id for record in board.representatives.values()}
    found: dict[str, list[dict[str, Any]]] = {label: [] for label in board.representatives}
    for record in sorted(board.records, key=lambda record: record.spec.seed):
        if record.run_id in first or record.run_id in left:
            found[record.spec.label].append(_run(record, left.get(record.run_id, Left())))
    return found


def _run(record: Record, run: Left) -> dict[str, Any]:
    return {
        "run": record.run_id,
        "seed": record.spec.seed,
        "lacks": list(run.lacks),
        "reasons": {name: e.not_applicable for name, e in run.legend.metrics.items() if e.not_applicable},
        "units": _by_class(run),
        "matrices": _matrices(run),
        "vectors": {name: histogram(array) for name, array in _arrays(run, ("unit",)).items() if array.size > 1},
        "history": _history(run.history),
    }


def _arrays(run: Left, dimensions: tuple[Dimension, ...]) -> dict[str, np.ndarray]:
    """Label -> array, of the metrics that are declared to have these dimensions."""
    return {
        entry.info.label: run.arrays[name]
        for name, entry in run.legend.metrics.items()
        if entry.info.dimensions == dimensions and name in run.arrays and run.arrays[name].ndim == len(dimensions)
    }


def _by_class(run: Left) -> dict[str, Any]:
    """The first array of classes by units in 255 steps, units in the order of their roles."""
    import numpy as np

    roles, order = run.views.unit_roles.tolist(), run.views.unit_order[:MOST_UNITS]
    for label, array in _arrays(run, ("class", "unit")).items():
        if array.shape[1] != len(roles) or not 0 < len(array) <= MOST_CLASSES or not np.isfinite(array).all():
            continue
        steps = np.rint(255 * np.clip(array[:, order], 0, 1)).astype(np.uint8)
        return {
            "label": label,
            "names": _class_names(run, len(array)),
            "order": order.tolist(),
            "roles": [
                (role, roles.count(role)) for role in dict.fromkeys(roles[unit] for unit in run.views.unit_order)
            ],
            "steps": base64.b64encode(steps.tobytes()).decode("ascii"),
        }
    return {}


def _matrices(run: Left) -> dict[str, Any]:
    """Arrays of classes by classes."""
    import numpy as np

    return {
        label: {
            "values": [[_rounded(value, 2) for value in line] for line in array.tolist()],
            "names": _class_names(run, len(array)),
        }
        for label, array in _arrays(run, ("class", "class")).items()
        if 1 < len(array) <= MOST_CLASSES and np.isfinite(array).any()
    }


def _class_names(run: Left, n_classes: int) -> list[str]:
    """Names of the classes that occur; their places where the views that name them are lost: numbers may be labels."""
    names: list[str] = run.views.class_names.tolist()
    return names if len(names) == n_classes else [f"class {index + 1} of {n_classes}" for index in range(n_classes)]


def _history(history: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Steps, and each loss that is a number at some of them."""
    steps = history.get("step", ())
    kept = _thinned([i for i, step in enumerate(steps) if math.isfinite(step)])
    terms = {
        name: [significant(values[i]) for i in kept]
        for name, values in history.items()
        if name not in ("step", "epoch") and len(values) == len(steps) and any(map(math.isfinite, values))
    }
    return {"x": [steps[i] for i in kept], "terms": terms} if terms else {}


def _thinned(indices: Sequence[int]) -> list[int]:
    """At most `MOST_POINTS`, evenly, with the first and the last."""
    if len(indices) <= MOST_POINTS:
        return list(indices)
    return [indices[round(i * (len(indices) - 1) / (MOST_POINTS - 1))] for i in range(MOST_POINTS)]


def _rounded(value: float, decimals: int) -> float | None:
    return round(value, decimals) if math.isfinite(value) else None
