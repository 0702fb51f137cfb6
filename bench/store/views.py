# ruff: noqa: RUF009 - each call below is dataclasses.field
"""Views: what figures and the page draw of one run, as plain arrays. Drawing needs no model, no data and no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

ROLES = ("global", "shared", "exclusive", "no role", "dead")
"""Of units: see `metrics.dimensions`, which has the same and needs torch."""

LEAST_HALF, LARGEST_HALF = 2e-5, 6e4
"""Arrays whose largest value is between these are kept in half precision: it is finer than a picture's 256 steps."""
FEWEST_ON = 5
"""Samples that a unit is on for, at least, where it is said to be of a class: of ten classes, one sample, or two that
agree, are of one by chance."""


def _array(ndim: int, dtype: str = "float32") -> Any:
    """A field that is an array of so many dimensions, empty by default."""
    empty = np.empty((0,) * ndim, dtype)
    return field(default_factory=lambda: empty, metadata={"ndim": ndim, "kind": empty.dtype.kind})


@dataclass(frozen=True)
class Views:
    """S samples, D features, M units, C classes that occur. What a model or a data set cannot show is empty."""

    image_shape: np.ndarray = _array(1, "int64")
    """Shape of an input before flattening."""
    class_names: np.ndarray = _array(1, "U1")
    """Names of the classes that occur, in their order (C,)."""
    categories: np.ndarray = _array(1, "U1")
    """Category of each of these classes (C,)."""
    unit_roles: np.ndarray = _array(1, "U1")
    """Role of each unit (M,): see `metrics.dimensions`."""
    unit_order: np.ndarray = _array(1, "int64")
    """Units in the order of their roles (M,)."""
    inputs: np.ndarray = _array(2)
    """A sample of each class (S, D)."""
    input_names: np.ndarray = _array(1, "U1")
    """Names of their classes (S,)."""
    outputs: np.ndarray = _array(2)
    """Their reconstructions (S, D)."""
    atoms: np.ndarray = _array(2)
    """The atoms that are used most, most used first (A, D)."""
    varied_units: np.ndarray = _array(1, "int64")
    """A global unit and a class-specific one, where there are such units (U,)."""
    varied_levels: np.ndarray = _array(2)
    """The values over which each goes, from 0 to its largest (U, T)."""
    varied_classes: np.ndarray = _array(1, "int64")
    """Index into `class_names` of each class in which they are varied (S,)."""
    varied_rates: np.ndarray = _array(2)
    """The rate at which each unit is on in each of them (U, S)."""
    varied_inputs: np.ndarray = _array(2)
    """An input of each of them (S, D)."""
    varied: np.ndarray = _array(4)
    """What is decoded of each input as one unit goes over its values, and all others stay (U, S, T, D)."""
    built_inputs: np.ndarray = _array(2)
    """Samples that are rebuilt with more and more units (S, D)."""
    built: np.ndarray = _array(3)
    """Their reconstructions with no unit, and with each budget (S, 1 + B, D)."""
    built_budgets: np.ndarray = _array(1, "int64")
    """The budgets (B,)."""
    top_inputs: np.ndarray = _array(3)
    """For some units the samples with the largest codes, largest first (U, T, D)."""
    top_names: np.ndarray = _array(1, "U1")
    """Names of these units (U,)."""
    n_units_on: np.ndarray = _array(1, "int64")
    """How many units are ever on, and how many there are (2,)."""
    shown_units: np.ndarray = _array(1, "int64")
    """The units of the browser (U,): all that are ever on, or the most and least dense and a spread."""
    unit_tops: np.ndarray = _array(2, "int64")
    """Places among the shown samples of those in which each unit's code is largest, then -1 (U, T)."""
    unit_values: np.ndarray = _array(2)
    """The code in each of them, 0 where there is none (U, T)."""
    unit_counts: np.ndarray = _array(2, "int64")
    """Histogram of each unit's codes where it is on (U, B)."""
    unit_ranges: np.ndarray = _array(2)
    """The smallest and the largest of these codes (U, 2)."""
    unit_rates: np.ndarray = _array(2)
    """The rate at which each unit is on in each class (U, C)."""
    shown_inputs: np.ndarray = _array(2)
    """Inputs of the shown samples, not normalised, flattened (N, E); empty where nothing of them can be looked at."""
    shown_shape: np.ndarray = _array(1, "int64")
    """Their shape: of a large picture every second pixel is kept, or every third."""
    shown_names: np.ndarray = _array(1, "U1")
    """What each is called (N,): a text, the path of an image, a token."""
    shown_classes: np.ndarray = _array(1, "int64")
    """Index into `class_names` of each (N,), -1 without a class."""
    feature_names: np.ndarray = _array(1, "U1")
    """What each number of a shown input is called (E,)."""
    tokens: np.ndarray = _array(1, "U1")
    """The tokens that occur in contexts (V,)."""
    contexts: np.ndarray = _array(2, "int64")
    """The tokens around each shown sample, -1 beyond the ends of its text (N, W)."""
    context_values: np.ndarray = _array(3)
    """How much a unit is on in each token around its samples, 0 where there is none (U, T, W)."""
    code_points: np.ndarray = _array(2)
    """Leading principal components of the codes of some samples (N, P)."""
    code_classes: np.ndarray = _array(1, "int64")
    """Index into `class_names` of each of these samples (N,), -1 without a class."""
    atom_points: np.ndarray = _array(2)
    """Leading principal components of the atoms that are used most (A, P)."""
    atom_classes: np.ndarray = _array(1, "int64")
    """Index into `class_names` of the class that each is on in most (A,)."""
    missing: np.ndarray = _array(1, "U1")
    """Why a part could not be made, a line each: 'traversals: ValueError: ...'."""

    @property
    def unvaried(self) -> bool:
        """Whether an earlier version left it: it has units that are varied across classes now, and varies none."""
        kept = {"global", "shared", "exclusive"} & set(self.unit_roles.tolist())
        return bool(kept) and not len(self.varied_units) and not len(self.missing)

    def role_of(self, place: int) -> str:
        """The role of the shown unit at a place; "" where it is not known."""
        unit = int(self.shown_units[place])
        return str(self.unit_roles[unit]) if unit < len(self.unit_roles) else ""

    def class_of(self, place: int) -> int:
        """Index of the class in which the shown unit at a place is on more than in all others; -1 where there is none.

        Of classes of one size, it is that of more than half of the samples that the unit is on for. A unit that is on
        for fewer than `FEWEST_ON` samples has none.
        """
        if not self.unit_rates.size or self.unit_counts[place].sum() < FEWEST_ON or self.role_of(place) == "global":
            return -1
        rates = self.unit_rates[place]
        most = int(rates.argmax())
        return most if 2 * rates[most] > rates.sum() else -1

    def to_arrays(self) -> dict[str, np.ndarray]:
        """By name, what there is."""
        return {name: _compact(array) for name, array in vars(self).items() if array.size}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Views:
        """What `to_arrays` gave. Raises ValueError for an array of another kind or number of dimensions."""
        known = {each.name: each for each in fields(cls)}
        kept = {}
        for name, array in arrays.items():
            if name not in known:
                continue
            ndim, kind = known[name].metadata["ndim"], known[name].metadata["kind"]
            if array.ndim != ndim or array.dtype.kind != kind:
                raise ValueError(
                    f"{name} is {array.dtype} of {array.ndim} dimensions, expected {ndim} of kind '{kind}'"
                )
            kept[name] = array.astype(np.float32) if kind == "f" else array
        views = cls(**kept)
        _require_fit(views)
        return views


def _require_fit(views: Views) -> None:
    """ValueError where parts do not fit each other: what draws them need not look again."""
    n_samples, n_features = views.inputs.shape
    n_units, n_classes = len(views.unit_roles), len(views.class_names)
    fits = {
        "image_shape": bool((views.image_shape > 0).all()) and (not n_samples or _size(views) == n_features),
        "outputs": views.outputs.shape == views.inputs.shape,
        "input_names": len(views.input_names) in (0, n_samples),
        "categories": len(views.categories) in (0, n_classes),
        "unit_roles": set(views.unit_roles.tolist()) <= set(ROLES),
        "unit_order": sorted(views.unit_order.tolist()) == list(range(n_units)),
        "atoms": not len(views.atoms) or not n_samples or views.atoms.shape[1] == n_features,
        "varied": _varied_fits(views),
        "built": _built_fits(views, n_features),
        "top_inputs": not len(views.top_inputs) or views.top_inputs.shape[2] == n_features,
        "top_names": len(views.top_names) == len(views.top_inputs),
        "code_classes": _classes_fit(views.code_classes, views.code_points, n_classes),
        "atom_classes": _classes_fit(views.atom_classes, views.atom_points, n_classes),
    }
    fits |= _units_fit(views)
    points = {"code_points": views.code_points, "atom_points": views.atom_points}
    fits |= {name: bool(np.isfinite(values).all()) for name, values in points.items()}
    if wrong := [name for name, fit in fits.items() if not fit]:
        raise ValueError(f"{', '.join(wrong)} do not fit the rest")


def _size(views: Views) -> int:
    return math.prod(views.image_shape.tolist())


def _built_fits(views: Views, n_features: int) -> bool:
    if not len(views.built):
        return not len(views.built_inputs)
    shape = (len(views.built_inputs), 1 + len(views.built_budgets), n_features)
    return views.built.shape == shape and views.built_inputs.shape[1] == n_features


def _varied_fits(views: Views) -> bool:
    if not views.varied.size:
        return not len(views.varied_units)
    n_units, n_samples, units = len(views.varied_units), len(views.varied_inputs), views.varied_units
    shape = (n_units, n_samples, views.varied_levels.shape[1], _size(views))
    return (
        views.varied.shape == shape
        and views.varied_levels.shape == (n_units, shape[2])
        and views.varied_rates.shape == (n_units, n_samples)
        and views.varied_inputs.shape == (n_samples, shape[3])
        and bool(((units >= 0) & (units < len(views.unit_roles))).all())
        and _classes_fit(views.varied_classes, views.varied_inputs, len(views.class_names))
        and bool((views.varied_classes >= 0).all())
    )


def _units_fit(views: Views) -> dict[str, bool]:
    """Whether the parts of the browser of units fit each other."""
    n_units, (n_rows, n_tops) = len(views.shown_units), views.unit_tops.shape
    n_samples, n_classes, n_shown = len(views.shown_classes), len(views.class_names), views.shown_inputs.shape[1]
    width, live, shape = views.contexts.shape[1], views.n_units_on.tolist(), views.shown_shape.tolist()
    tops, contexts, ranges = views.unit_tops, views.contexts, views.unit_ranges
    return {
        "n_units_on": live == [] if not n_units else len(live) == 2 and n_units <= live[0] <= live[1],
        "shown_units": len(set(views.shown_units.tolist())) == n_units
        and bool(((views.shown_units >= 0) & (views.shown_units < sum(live[1:]))).all()),
        "unit_tops": n_rows == n_units and bool(((tops >= -1) & (tops < n_samples)).all()),
        "unit_values": views.unit_values.shape == tops.shape and bool(np.isfinite(views.unit_values).all()),
        "unit_counts": len(views.unit_counts) == n_units and bool((views.unit_counts >= 0).all()),
        "unit_ranges": ranges.shape == ((n_units, 2) if n_units else (0, 0)) and bool(np.isfinite(ranges).all()),
        "unit_rates": not views.unit_rates.size or views.unit_rates.shape == (n_units, n_classes),
        "shown_inputs": len(views.shown_inputs) in (0, n_samples),
        "shown_shape": not n_shown or (math.prod(shape) == n_shown and min(shape) > 0),
        "shown_names": len(views.shown_names) in (0, n_samples),
        "shown_classes": _classes_fit(views.shown_classes, views.shown_classes, n_classes),
        "feature_names": len(views.feature_names) in (0, n_shown),
        "contexts": len(contexts) in (0, n_samples) and bool(((contexts >= -1) & (contexts < len(views.tokens))).all()),
        "context_values": views.context_values.shape == ((n_units, n_tops, width) if len(contexts) else (0, 0, 0))
        and bool(np.isfinite(views.context_values).all()),
    }


def _classes_fit(classes: np.ndarray, points: np.ndarray, n_classes: int) -> bool:
    return len(classes) == len(points) and bool(((classes >= -1) & (classes < max(1, n_classes))).all())


def _compact(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    return array.astype(np.float16 if LEAST_HALF <= np.abs(array).max() <= LARGEST_HALF else np.float32)
