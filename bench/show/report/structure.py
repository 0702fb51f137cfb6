"""The arrays and histories of the shown runs, rounded to what an eye can tell apart."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.compare.boards import Board
from bench.show.report.artefacts import Artefacts
from bench.show.report.histograms import histogram

if TYPE_CHECKING:
    import numpy as np

MOST_CLASSES = 64
"""Rows and columns of the largest heatmap of classes that is drawn."""
MOST_UNITS = 2000
"""Units of a heatmap of classes by units; what is left out are the last in the order of roles, the dead ones."""
MOST_POINTS = 120
"""Points of a curve; longer ones are thinned out evenly."""
GAMMA, RATES = "class_gamma", "class_rates"
"""The arrays (C, M) of a run: mean gamma, which a VAE has not, and rates of activity, which give units their roles."""


def structure(board: Board, artefacts: Artefacts) -> dict[str, Any]:
    """Row -> what its figures show, for the rows that have something to show."""
    names = list(artefacts.class_names.get(board.dataset, ()))
    found = {}
    for label, record in board.representatives.items():
        arrays = artefacts.arrays.get(record.run_id, {})
        found[label] = {
            "run": record.run_id,
            "seed": record.spec.seed,
            "undrawn": _reasons(record.provenance.get("undrawn")),
            "units": _by_class(arrays, names),
            "matrices": _matrices(arrays, names),
            "vectors": {name: histogram(array) for name, array in arrays.items() if array.ndim == 1 and array.size > 1},
            "history": _history(artefacts.histories.get(record.run_id, {})),
        }
    return found


def _reasons(undrawn: Any) -> str:
    """Why pictures are missing: 'atoms, ValueError: ...'."""
    return "; ".join(f"{name}, {reason}" for name, reason in undrawn.items()) if isinstance(undrawn, dict) else ""


def _by_class(arrays: Mapping[str, np.ndarray], names: list[str]) -> dict[str, Any]:
    """Mean gamma (where there is none, the rate of activity) by class and unit in 255 steps; units ordered by role."""
    import numpy as np

    rates = arrays.get(RATES)
    if rates is None or rates.ndim != 2 or not rates.size or len(rates) > MOST_CLASSES or not np.isfinite(rates).all():
        return {}
    import torch

    from metrics.roles import ROLES, order_by_role, roles

    named = roles(torch.from_numpy(rates))
    kind = GAMMA if GAMMA in arrays and arrays[GAMMA].shape == rates.shape else RATES
    order = order_by_role(rates, named)[:MOST_UNITS]
    steps = np.rint(255 * np.clip(np.nan_to_num(arrays[kind][:, order]), 0, 1)).astype(np.uint8)
    return {
        "kind": kind,
        "names": _class_names(names, len(rates)),
        "order": order.tolist(),
        "roles": [(role, named.count(role)) for role in ROLES if role in named],
        "steps": base64.b64encode(steps.tobytes()).decode("ascii"),
    }


def _matrices(arrays: Mapping[str, np.ndarray], names: list[str]) -> dict[str, Any]:
    """Square ones, with the classes' names where there are as many."""
    import numpy as np

    return {
        name: {
            "values": [[_rounded(value, 2) for value in line] for line in array.tolist()],
            "names": _class_names(names, len(array)),
        }
        for name, array in arrays.items()
        if name not in (GAMMA, RATES) and array.ndim == 2 and array.shape[0] == array.shape[1]
        if 1 < len(array) <= MOST_CLASSES and np.isfinite(array).any()
    }


def _class_names(names: list[str], n_classes: int) -> list[str]:
    return names if len(names) == n_classes else [str(index) for index in range(n_classes)]


def _history(history: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Steps, and each loss that is a number at some of them."""
    steps = history.get("step", ())
    kept = _thinned([i for i, step in enumerate(steps) if math.isfinite(step)])
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
