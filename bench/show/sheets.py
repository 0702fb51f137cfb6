"""Sheets: what a run's views show as pictures, rows of inputs with the range of their colours. Drawn by nobody yet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.store.views import Views

PER_ROW = 10
CLIPPED = 0.995
"""Share of an atom sheet's values within its colours: one bright pixel does not make the rest pale."""


@dataclass(frozen=True)
class Sheet:
    """Rows of inputs."""

    name: str
    """What figures and pages call it."""
    caption: str
    """What it shows, in a sentence or two."""
    values: np.ndarray
    """R rows of S inputs (R, S, D), NaN where there is none."""
    rows: Sequence[str]
    """Names of the rows; none where they need none."""
    columns: Sequence[str]
    """Names of the columns; none where they need none."""
    limits: tuple[float, float]
    """Values of the first and the last colour."""
    signed: bool
    """Whether colours diverge from the middle of the limits."""
    bar: str = ""
    """Name of the colour scale; "" for one that is not shown."""
    below: Sheet | None = None
    """A sheet of as many columns that belongs below this one."""


def sheets_of(views: Views) -> list[Sheet]:
    """All sheets that a run's views can fill."""
    traversals = [_traversal(views, place) for place in range(len(views.varied))]
    found = [_reconstructions(views), _progressive(views), *traversals, _top_samples(views), _atoms(views)]
    return [sheet for sheet in found if sheet is not None]


def pictures_of(x: np.ndarray, image_shape: Sequence[int]) -> np.ndarray | None:
    """Inputs (..., D) as pictures (..., H, W), in colour (..., H, W, 3), channels last; None where they are vectors.

    An image of three dimensions is in colour where its first or its last has three channels.
    """
    sizes = [int(size) for size in image_shape if size > 1]
    if math.prod(sizes) != x.shape[-1]:
        return None
    if len(sizes) == 2:
        return x.reshape(*x.shape[:-1], *sizes)
    if len(sizes) != 3 or 3 not in (sizes[0], sizes[2]):
        return None
    pictures = x.reshape(*x.shape[:-1], *sizes)
    return pictures if sizes[2] == 3 else np.moveaxis(pictures, -3, -1)


def value_range(x: np.ndarray) -> tuple[float, float]:
    """From 0, or below where the data go there, to the largest value that is finite."""
    x = x[np.isfinite(x)]
    low, high = float(x.min(initial=0.0)), float(x.max(initial=0.0))
    return (low, high) if high > low else (low, low + 1.0)


def symmetric_range(values: np.ndarray, within: float = 1.0) -> tuple[float, float]:
    """-v to v, with a share of the finite values within it."""
    values = values[np.isfinite(values)]
    bound = float(np.quantile(np.abs(values), within)) if values.size else 0.0
    bound = bound or float(np.abs(values).max(initial=0.0)) or 1.0
    return -bound, bound


def colours(x: np.ndarray, within: float = 1.0) -> tuple[tuple[float, float], bool]:
    """Values of the first and the last colour, and whether colours diverge: they do from zero, where x goes below it.

    Of values that do, a share may lie beyond the colours.
    """
    signed = bool((x < 0).any())
    return (symmetric_range(x, within) if signed else value_range(x)), signed


def _reconstructions(views: Views) -> Sheet | None:
    if not views.inputs.size or views.outputs.shape != views.inputs.shape:
        return None
    return Sheet(
        "reconstructions",
        "A sample of each class, and what the model makes of it.",
        np.stack([views.inputs, views.outputs]),
        ("input", "output"),
        views.input_names.tolist(),
        *colours(views.inputs),
    )


def _progressive(views: Views) -> Sheet | None:
    if not views.built.size:
        return None
    built = views.built.astype(np.float64)
    return Sheet(
        "progressive",
        "Inputs rebuilt of more and more units; below, what each column adds to the one before it.",
        np.concatenate([views.built_inputs[:, None], built[:, 1:]], axis=1),
        (),
        ("input", *map(str, views.built_budgets.tolist())),
        *colours(views.built_inputs),
        below=_change(np.diff(built, axis=1)),
    )


def _traversal(views: Views, place: int) -> Sheet:
    """A unit across classes; below, what it adds on average, which says the same as an atom and needs none."""
    unit, decoded = int(views.varied_units[place]), views.varied[place].astype(np.float64)
    role = str(views.unit_roles[unit])
    rates = zip(views.varied_classes.tolist(), views.varied_rates[place].tolist(), strict=True)
    return Sheet(
        f"traversal-{'global' if role == 'global' else 'class-specific'}",
        f"Unit {unit}, {role}, from 0 to its largest value in an input of each class, all other codes as they are. "
        "Beside each class: how often the unit is on in it. Below: what it adds, on average over the rows; "
        "of a linear decoder that is its atom.",
        np.concatenate([views.varied_inputs[:, None], decoded], axis=1),
        [f"{views.class_names[index]}  {rate:.0%}" for index, rate in rates],
        ("input", *(f"{level + 0:.3g}" for level in views.varied_levels[place].tolist())),
        *colours(views.varied_inputs),
        below=_change((decoded - decoded[:, :1]).mean(0, keepdims=True)),
    )


def _change(added: np.ndarray) -> Sheet:
    """Differences (R, S, D) below a sheet that has a column more, its input."""
    values = np.concatenate([np.full_like(added[:, :1], np.nan), added], axis=1)
    return Sheet("change", "", values, (), (), symmetric_range(added, CLIPPED), signed=True, bar="change")


def _top_samples(views: Views) -> Sheet | None:
    if not views.top_inputs.size:
        return None
    return Sheet(
        "top-samples",
        "A unit a row: the samples in which its code is largest, largest first.",
        views.top_inputs,
        views.top_names.tolist(),
        [str(rank + 1) for rank in range(views.top_inputs.shape[1])],
        *colours(views.top_inputs),
    )


def _atoms(views: Views) -> Sheet | None:
    """The atoms in rows of ten, and the rank of each row's first; vectors as one block."""
    atoms = views.atoms.astype(np.float64)
    if not atoms.size:
        return None
    limits, signed = colours(atoms, CLIPPED)
    values, ranks = _in_rows(atoms, views.image_shape.tolist())
    in_colour = (pictures := pictures_of(atoms, views.image_shape.tolist())) is not None and pictures.ndim == 4
    zero = "grey is zero" if in_colour else "blue is below zero, red above"
    every = 1 if len(atoms) <= 2 * PER_ROW else PER_ROW
    names = [] if ranks else ["" if rank % every else str(rank + 1) for rank in range(len(atoms))]
    return Sheet(
        "atoms",
        f"The units that are on most, most used first{f'; {zero}' if signed else ''}.",
        values,
        ranks,
        names,
        limits,
        signed,
        bar="weight",
    )


def _in_rows(atoms: np.ndarray, image_shape: Sequence[int]) -> tuple[np.ndarray, list[str]]:
    n_atoms, n_features = atoms.shape
    if pictures_of(atoms, image_shape) is None:
        return atoms[None], []
    per_row = min(PER_ROW, n_atoms)
    rows = np.full((-(-n_atoms // per_row) * per_row, n_features), np.nan)
    rows[:n_atoms] = atoms
    return rows.reshape(-1, per_row, n_features), [str(rank + 1) for rank in range(0, n_atoms, per_row)]
