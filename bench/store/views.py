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
    traversal_inputs: np.ndarray = _array(2)
    """A sample for each unit that is varied (U, D)."""
    traversals: np.ndarray = _array(3)
    """What is decoded as the unit goes over its values (U, T, D)."""
    traversal_names: np.ndarray = _array(1, "U1")
    """Names of the units (U,)."""
    traversal_steps: np.ndarray = _array(1, "U1")
    """Names of the values (T,)."""
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
    n_units, n_classes, n_varied = len(views.unit_roles), len(views.class_names), len(views.traversals)
    fits = {
        "image_shape": bool((views.image_shape > 0).all()) and (not n_samples or _size(views) == n_features),
        "outputs": views.outputs.shape == views.inputs.shape,
        "input_names": len(views.input_names) in (0, n_samples),
        "categories": len(views.categories) in (0, n_classes),
        "unit_roles": set(views.unit_roles.tolist()) <= set(ROLES),
        "unit_order": sorted(views.unit_order.tolist()) == list(range(n_units)),
        "atoms": not len(views.atoms) or views.atoms.shape[1] == n_features,
        "traversals": not n_varied or views.traversals.shape == (n_varied, len(views.traversal_steps), n_features),
        "traversal_inputs": views.traversal_inputs.shape == ((n_varied, n_features) if n_varied else (0, 0)),
        "traversal_names": len(views.traversal_names) == n_varied,
        "built": _built_fits(views, n_features),
        "top_inputs": not len(views.top_inputs) or views.top_inputs.shape[2] == n_features,
        "top_names": len(views.top_names) == len(views.top_inputs),
        "code_classes": _classes_fit(views.code_classes, views.code_points, n_classes),
        "atom_classes": _classes_fit(views.atom_classes, views.atom_points, n_classes),
    }
    finite = (each.name for each in fields(views) if each.metadata["kind"] == "f")
    fits |= {name: fits.get(name, True) and bool(np.isfinite(getattr(views, name)).all()) for name in finite}
    if wrong := [name for name, fit in fits.items() if not fit]:
        raise ValueError(f"{', '.join(wrong)} do not fit the rest")


def _size(views: Views) -> int:
    return math.prod(views.image_shape.tolist())


def _built_fits(views: Views, n_features: int) -> bool:
    if not len(views.built):
        return not len(views.built_inputs)
    shape = (len(views.built_inputs), 1 + len(views.built_budgets), n_features)
    return views.built.shape == shape and views.built_inputs.shape[1] == n_features


def _classes_fit(classes: np.ndarray, points: np.ndarray, n_classes: int) -> bool:
    return len(classes) == len(points) and bool(((classes >= -1) & (classes < max(1, n_classes))).all())


def _compact(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    return array.astype(np.float16 if LEAST_HALF <= np.abs(array).max() <= LARGEST_HALF else np.float32)
