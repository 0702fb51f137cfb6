# ruff: noqa: RUF009 - each call below is dataclasses.field
"""Views: what figures and the page draw of one run, as plain arrays. Drawing needs no model, no data and no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

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
        return cls(**kept)


def _compact(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    return array.astype(np.float16 if LEAST_HALF <= np.abs(array).max() <= LARGEST_HALF else np.float32)
