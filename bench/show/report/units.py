"""The browser of units: what activates each of a run's units, as numbers from which the page makes cards."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.show.report.artefacts import Left
from bench.show.report.packing import packed_json, significant
from bench.show.report.pictures import painted
from bench.show.sheets import Sheet, colours, pictures_of
from bench.show.tokens import readable
from bench.store.views import Views

FEWEST = 10
"""Units of a run, at least; it has none where there is no room for so many."""
MOST_NUMBERS = 64
"""Longer rows of numbers are not shown."""
STRONGEST = 100
"""The shade of the largest code of a unit."""


def browser(rounds: Sequence[Sequence[str]], left: Mapping[str, Left], room: int) -> dict[str, str]:
    """Run id -> its units, packed; "" where there is no room for them, nothing of a run that left none.

    Parameters
    ----------
    rounds : sequence of sequences of str
        Ids of the runs, first those that come first.
    room : int
        Bytes for all. Each run of a round may take an even share of what those before it left: it has all of its units,
        or every second, or every fourth, ...
    """
    shown = {}
    for each in rounds:
        runs = [run for run in each if len(left[run].views.shown_units)]
        runs.sort(key=lambda run: left[run].views.shown_inputs.size)  # what the small ones spare is the large ones'
        for place, run in enumerate(runs):
            shown[run] = _fitting(left[run], room // (len(runs) - place))
            room -= len(shown[run])
    return shown


def _fitting(run: Left, room: int) -> str:
    n_units = len(run.views.shown_units)
    step = 1
    while step == 1 or n_units // step >= FEWEST:
        packed = packed_json(units(run, np.arange(0, n_units, step)))
        if len(packed) <= room:
            return packed
        step *= 2
    return ""


def units(run: Left, chosen: np.ndarray) -> dict[str, Any]:
    """Some of a run's shown units, by their places: see `assets/units.js`."""
    views = run.views
    all_tops = views.unit_tops[chosen]
    samples = np.unique(all_tops[all_tops >= 0])
    numbers = views.shown_units[chosen]
    scores = _scores(run)
    return {
        "counts": [*views.n_units_on.tolist(), len(views.shown_units)],
        "scores": {label: [significant(values[unit]) for unit in numbers] for label, values in scores.items()},
        "classes": views.class_names.tolist() if views.unit_rates.size else [],
        "units": [
            {
                "unit": int(views.shown_units[i]),
                "role": views.role_of(i),
                "class": views.class_of(i),
                "rates": [significant(rate) for rate in views.unit_rates[i]] if views.unit_rates.size else [],
                "histogram": views.unit_counts[i].tolist(),
                "range": [significant(edge) for edge in views.unit_ranges[i]],
                "tops": np.searchsorted(samples, views.unit_tops[i][views.unit_tops[i] >= 0]).tolist(),
                "values": [significant(value) for value in views.unit_values[i][views.unit_tops[i] >= 0]],
            }
            for i in chosen
        ],
        "names": views.shown_names[samples].tolist() if len(views.shown_names) else [],
        "labels": views.shown_classes[samples].tolist(),
        **_inputs(views, samples),
        **(_contexts(views, chosen, samples) if len(views.contexts) else {}),
    }


def _scores(run: Left) -> dict[str, np.ndarray]:
    """Label -> a number of each unit, of the metrics that are declared to have one."""
    return {
        entry.info.label: run.arrays[name]
        for name, entry in run.legend.metrics.items()
        if entry.info.dimensions == ("unit",) and run.arrays.get(name, np.empty(0)).shape == (run.views.n_units_on[1],)
    }


def _inputs(views: Views, samples: np.ndarray) -> dict[str, Any]:
    """Pictures as levels, short rows as numbers; nothing of rows that are tokens, or long."""
    if not len(views.shown_inputs) or len(views.contexts):
        return {}
    x, shape = views.shown_inputs[samples], views.shown_shape.tolist()
    if pictures_of(x, shape) is not None:
        return {"pictures": painted(Sheet("", "", x[None], (), (), *colours(x)), shape)}
    if x.shape[1] > MOST_NUMBERS:
        return {}
    return {"rows": [[significant(value) for value in row] for row in x], "features": views.feature_names.tolist()}


def _contexts(views: Views, chosen: np.ndarray, samples: np.ndarray) -> dict[str, Any]:
    """Tokens, and shades (U, T, W): how much a unit is on in each token, of 100 where it is on most."""
    values = np.maximum(views.context_values[chosen], 0)
    most = np.maximum(values.max(axis=(1, 2), keepdims=True), 1e-30)
    shades = np.rint(STRONGEST * values / most).astype(np.uint8)
    return {
        "tokens": [readable(token) for token in views.tokens.tolist()],
        "contexts": views.contexts[samples].tolist(),
        "shades": {"shape": list(shades.shape), "levels": base64.b64encode(shades.tobytes()).decode("ascii")},
    }
