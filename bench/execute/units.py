"""Units one can look at: what activates each of some units most, its activations and its classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.datasets.pictures import SIDE
from bench.execute.outputs import BATCH_SIZE, Outputs
from bench.execute.traversing import Classes
from metrics.matrix import column_sums, columns, dense, evenly_spaced

MOST_UNITS, FEWEST_UNITS, TOPS = 100, 4, 9
MOST_VALUES = 1_500_000
"""Numbers of all inputs that are kept: larger inputs are of fewer units."""
LONGEST_ROW = 64
"""Numbers; longer rows are left out."""
LONGEST_NAME, LONGEST_TOKEN = 300, 24
BEFORE, AFTER = 16, 7
"""Tokens of a context before and after the one that is on most."""
LONGEST_TEXT = 2**31
"""More tokens than a text has, with room for a context beyond its end."""
BINS = 24
BLOCK = 2**25
"""Codes that are dense at a time."""


def unit_views(outputs: Outputs, classes: Classes | None) -> dict[str, Any]:
    """What is kept of the shown units: see `bench.store.views`. Nothing where no unit is ever on."""
    active, z = outputs.values["active"], outputs.values["z"]
    use = column_sums(active).cpu().numpy()
    tokens = are_tokens(outputs.split)
    inputs = None if tokens else kept_inputs(outputs.dataset)
    units = chosen_units(use, MOST_VALUES // (TOPS * math.prod(inputs.shape if inputs else ())))
    if not len(units):
        return {}
    near = _near(outputs.split)
    width = max(1, BLOCK // len(outputs.split))
    tops, counts, ranges, values = [], [], [], []
    for part in torch.from_numpy(units).split(width):
        codes, on = (dense(columns(matrix, part)).cpu().numpy().T for matrix in (z, active))
        for code, is_on in zip(codes, on.astype(bool), strict=True):
            found = _top(code, is_on, near)
            tops.append(np.pad(found, (0, TOPS - len(found)), constant_values=-1))
            values.append(np.where(tops[-1] < 0, 0, code[tops[-1]]))
            counts.append(np.histogram(code[is_on].astype(np.float64), BINS)[0])
            ranges.append((code[is_on].min(), code[is_on].max()))
    shown = np.unique(np.array(tops))
    shown = shown[shown >= 0]
    places = np.where(np.array(tops) < 0, -1, np.searchsorted(shown, tops))
    return {
        "n_units_on": np.array([np.count_nonzero(use), len(use)]),
        "shown_units": units,
        "unit_tops": places,
        "unit_values": np.array(values),
        "unit_counts": np.array(counts),
        "unit_ranges": np.array(ranges),
        "unit_rates": classes.rates.numpy().T[units] if classes else np.empty((0, 0)),
        **_samples(outputs, classes, inputs, shown),
        **(_contexts(outputs, units, places, shown) if tokens else {}),
    }


class Inputs(NamedTuple):
    """What is kept of an input."""

    shape: tuple[int, ...]
    """Its shape."""
    of: Callable[[Split, np.ndarray], Tensor]
    """The inputs of some samples in the units of the data (N, ...)."""


def kept_inputs(dataset: Dataset) -> Inputs | None:
    """Pictures, the larger ones thinned out, and short rows; of rows made of images these; None of what is neither."""
    if dataset.picture is not None and dataset.test.names is not None:
        return Inputs((SIDE, SIDE, 3), partial(_pictures, dataset.picture))
    shape = dataset.image_shape
    is_row = sum(size > 1 for size in shape) < 2
    if is_row and dataset.n_features > LONGEST_ROW:
        return None
    steps = [1 if is_row or size <= 4 else -(-max(shape) // SIDE) for size in shape]  # four channels at most

    def of(split: Split, shown: np.ndarray) -> Tensor:
        x = split.x[torch.from_numpy(shown).to(split.x.device)]
        x = dataset.scaling.undone(x) if dataset.scaling else x
        return x.reshape(len(x), *shape)[:, *(slice(None, None, step) for step in steps)]

    return Inputs(tuple(-(-size // step) for size, step in zip(shape, steps, strict=True)), of)


def _pictures(picture: Callable[[str], np.ndarray], split: Split, shown: np.ndarray) -> Tensor:
    names = split.names or ()
    return torch.from_numpy(np.stack([picture(names[i]) for i in shown]))


def chosen_units(use: np.ndarray, most: int) -> np.ndarray:
    """All units that are ever on, or of many the least and the most dense, a quarter each, and a spread of the others.

    Parameters
    ----------
    use : array, (M,)
        On how many samples each is on.
    most : int
        Units that there is room for; 4 to 100 are taken.
    """
    most = max(FEWEST_UNITS, min(most, MOST_UNITS))
    live = np.flatnonzero(use)
    if len(live) <= most:
        return live
    order = live[np.argsort(use[live], kind="stable")]
    end = most // 4
    between = order[end:-end][evenly_spaced(len(order) - 2 * end, most - 2 * end).numpy()]
    return np.sort(np.concatenate([order[:end], between, order[-end:]]))


def _near(split: Split) -> np.ndarray | None:
    """A number (N,) that rows share which would show the same: those of one image, or of one context; else None."""
    if "group" not in split.factors:
        return None
    sample: np.ndarray = split.factors["group"].cpu().numpy()
    return _keys(split, BEFORE + 1 + AFTER) if are_tokens(split) else sample


def are_tokens(split: Split) -> bool:
    """Whether rows are in an order, and those of one text or image have names of their own."""
    if split.names is None or not {"group", "position"} <= split.factors.keys():
        return False
    sample, names = split.factors["group"].cpu().numpy(), split.names
    return any(names[i] != names[i + 1] for i in np.flatnonzero(sample[:-1] == sample[1:]).tolist())


def _keys(split: Split, length: int = 1) -> np.ndarray:
    """A number of each stretch of so many tokens (N,): neighbours in a text have neighbouring ones."""
    sample, position = (split.factors[name].cpu().numpy().astype(np.int64) for name in ("group", "position"))
    keys: np.ndarray = sample * LONGEST_TEXT + position // length
    return keys


def _top(code: np.ndarray, on: np.ndarray, near: np.ndarray | None) -> np.ndarray:
    """The samples in which a unit's code is largest, largest first; of those near each other the largest alone."""
    samples = np.flatnonzero(on)
    samples = samples[np.argsort(-code[samples], kind="stable")]
    if near is not None:
        samples = samples[np.sort(np.unique(near[samples], return_index=True)[1])]
    return samples[:TOPS]


def _samples(outputs: Outputs, classes: Classes | None, inputs: Inputs | None, shown: np.ndarray) -> dict[str, Any]:
    """Inputs, names and classes of some samples."""
    split, names = outputs.split, outputs.dataset.feature_names
    labels = split.labels.cpu().numpy()[shown]
    found: dict[str, Any] = {
        "shown_classes": np.where(labels < 0, -1, np.searchsorted(classes.labels if classes else [], labels))
    }
    if inputs:
        found |= {"shown_inputs": inputs.of(split, shown).flatten(1), "shown_shape": np.array(inputs.shape)}
    if split.names is not None:
        found["shown_names"] = np.array([_cut(split.names[i], LONGEST_NAME) for i in shown], np.str_)
    if names is not None and inputs:
        found["feature_names"] = np.array([_cut(name, LONGEST_TOKEN) for name in names], np.str_)
    return found


def _contexts(outputs: Outputs, units: np.ndarray, tops: np.ndarray, shown: np.ndarray) -> dict[str, Any]:
    """The tokens around some, and how much each unit is on in those around its samples.

    They are from the whole test split: of a large one, only some tokens are evaluated.
    """
    whole = outputs.dataset.test
    names, keys, wanted = whole.names or (), _keys(whole), _keys(outputs.split)[shown]
    near = wanted[:, None] + np.arange(-BEFORE, AFTER + 1)
    around = np.searchsorted(keys, near).clip(max=len(keys) - 1)
    inside = keys[around] == near
    words, index = np.unique([_cut(names[i], LONGEST_TOKEN) for i in around.ravel()], return_inverse=True)
    read, places = np.unique(around, return_inverse=True)
    codes = _codes(outputs, whole.x[torch.from_numpy(read).to(whole.x.device)], units)
    values = codes[places.reshape(around.shape)] * inside[:, :, None]  # (N, W, U)
    own = np.arange(len(units))[:, None]
    return {
        "tokens": words,
        "contexts": np.where(inside, index.reshape(around.shape), -1),
        "context_values": np.where(tops[:, :, None] < 0, 0, values[np.maximum(tops, 0), :, own]),
    }


def _codes(outputs: Outputs, x: Tensor, units: np.ndarray) -> np.ndarray:
    """Codes of some inputs in some units (N, U)."""
    parts = [outputs.values["encode"](part)[:, torch.from_numpy(units)].cpu() for part in x.split(BATCH_SIZE)]
    codes: np.ndarray = torch.cat(parts).numpy()
    return codes


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
