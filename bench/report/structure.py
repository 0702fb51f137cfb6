"""The arrays, histories and pictures of the shown runs, rounded to what an eye can tell apart."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.leaderboard import Board
from bench.report.artefacts import Artefacts

if TYPE_CHECKING:
    import numpy as np

MOST_CLASSES = 64
"""Rows and columns of the largest heatmap that is drawn."""
MOST_POINTS = 120
"""Points of a curve; longer ones are thinned out evenly."""


def structure(board: Board, artefacts: Artefacts) -> dict[str, Any]:
    """Row -> what its figures show, for the rows that have something to show."""
    names = list(artefacts.class_names.get(board.dataset, ()))
    found = {
        label: {
            "seed": record.spec.seed,
            "matrices": _matrices(artefacts.arrays.get(record.run_id, {}), names),
            "vectors": _vectors(artefacts.arrays.get(record.run_id, {})),
            "history": _history(artefacts.histories.get(record.run_id, {})),
            "pictures": [
                {"title": title, "url": f"data:image/png;base64,{base64.b64encode(png).decode()}"}
                for title, png in artefacts.pictures.get(record.run_id, ())
            ],
        }
        for label, record in board.representatives.items()
    }
    parts = ("matrices", "vectors", "history", "pictures")
    return {label: item for label, item in found.items() if any(item[part] for part in parts)}


def _matrices(arrays: Mapping[str, np.ndarray], names: list[str]) -> dict[str, Any]:
    """Square ones, with the classes' names where there are as many."""
    return {
        name: {
            "values": [[_rounded(value, 2) for value in line] for line in array.tolist()],
            "names": names if len(names) == len(array) else [str(index) for index in range(len(array))],
        }
        for name, array in arrays.items()
        if array.ndim == 2 and array.shape[0] == array.shape[1] and 1 < len(array) <= MOST_CLASSES
    }


def _vectors(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Largest first: position (from 1) and value."""
    vectors = {}
    for name, array in arrays.items():
        if array.ndim == 1 and array.size > 1 and array.dtype.kind in "fiub":
            values = sorted((float(v) for v in array.tolist() if math.isfinite(v)), reverse=True)
            kept = _thinned(range(len(values)))
            vectors[name] = {"x": [i + 1 for i in kept], "y": [_significant(values[i]) for i in kept]}
    return vectors


def _history(history: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Steps, and each loss that is a number at some of them."""
    steps = history.get("step", ())
    kept = _thinned(range(len(steps)))
    terms = {
        name: [_significant(values[i]) for i in kept]
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


def _significant(value: float) -> float | None:
    """Four significant digits; None for what is not a number."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
