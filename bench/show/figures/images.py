"""Figures made of inputs: reconstructions, atoms, traversals of a unit, and a reconstruction step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from bench.show.figures.sheets import Panel, picture_shape, sheet_figure
from bench.show.figures.style import ONE_COLUMN, TWO_COLUMNS, styled, text_inches

MAX_ATOMS = 100
PER_ROW = 10
CLIPPED = 0.995
"""Share of an atom sheet's values within its colours: one bright pixel does not make the rest pale."""


def value_range(x: np.ndarray) -> tuple[float, float]:
    """From 0, or below where the data go there, to the largest value."""
    low, high = min(0.0, float(x.min(initial=0.0))), float(x.max(initial=0.0))
    return (low, high) if high > low else (low, low + 1.0)


def symmetric_range(values: np.ndarray, within: float = 1.0) -> tuple[float, float]:
    """-v to v, with a share of the values within it."""
    bound = float(np.quantile(np.abs(values), within)) if values.size else 0.0
    bound = bound or float(np.abs(values).max(initial=0.0)) or 1.0
    return -bound, bound


def input_colours(x: np.ndarray) -> tuple[tuple[float, float], bool]:
    """First and last value of the colours of inputs, and whether they go below zero."""
    return value_range(x), bool(x.min(initial=0.0) < 0)


def atom_colours(values: np.ndarray) -> tuple[tuple[float, float], bool]:
    """The same of a sheet of atoms, in which NaN is a gap."""
    known = values[~np.isnan(values)]
    signed = bool(known.min(initial=0.0) < 0)
    return symmetric_range(known, CLIPPED) if signed else value_range(known), signed


def by_use(use: np.ndarray, limit: int = MAX_ATOMS) -> np.ndarray:
    """Indices of the units that are on most, most used first; those never on only where all are."""
    order = np.argsort(-use, kind="stable")
    return order[: min(limit, np.count_nonzero(use) or limit)]


def atom_sheet(atoms: np.ndarray, use: np.ndarray, image_shape: Sequence[int]) -> tuple[np.ndarray, list[str]]:
    """The 100 most used atoms in rows of ten, (R, 10, D), NaN where there is none, and the rank of each row's first.

    Vectors stay one block, (1, M, D).
    """
    shown = atoms[by_use(use)].astype(np.float64)
    if picture_shape(image_shape, atoms.shape[1]) is None and len(image_shape) != 3:
        return shown[None], []
    per_row = min(PER_ROW, len(shown))
    rows = np.full((-(-len(shown) // per_row) * per_row, atoms.shape[1]), np.nan)
    rows[: len(shown)] = shown
    ranks = [str(rank + 1) for rank in range(0, len(shown), per_row)]
    return rows.reshape(-1, per_row, atoms.shape[1]), ranks


@styled
def reconstructions(x: np.ndarray, x_hat: np.ndarray, image_shape: Sequence[int], names: Sequence[str] = ()) -> Figure:
    """Inputs (S, D) above their reconstructions (S, D), a column each with its name."""
    panel = Panel(np.stack([x, x_hat]), ("input", "output"), names, *input_colours(x))
    return sheet_figure([panel], image_shape, ONE_COLUMN if len(x) <= PER_ROW else TWO_COLUMNS)


@styled
def atoms(atoms: np.ndarray, use: np.ndarray, image_shape: Sequence[int]) -> Figure:
    """The atoms (M, D) that are used most, by their use (M,); at most 100, one colour scale for all.

    Atoms that are never used are left out, unless none is.
    """
    values, ranks = atom_sheet(atoms, use, image_shape)
    every = 1 if values.shape[1] <= 20 else PER_ROW
    names = [] if ranks else ["" if rank % every else str(rank + 1) for rank in range(values.shape[1])]
    return sheet_figure([Panel(values, ranks, names, *atom_colours(values), bar="weight")], image_shape, ONE_COLUMN)


@styled
def traversals(
    x: np.ndarray, decoded: np.ndarray, image_shape: Sequence[int], labels: Sequence[str], steps: Sequence[str]
) -> Figure:
    """What a unit does: of each unit the input (U, D) it is varied in, and what is decoded (U, S, D), by its values.

    Parameters
    ----------
    labels, steps : sequence of str
        Names of the units, and of the values that each takes.
    """
    values = np.concatenate([x[:, None], decoded], axis=1)
    panel = Panel(values, labels, ("input", *steps), *input_colours(x))
    narrow = values.shape[1] <= PER_ROW and text_inches(list(labels)) < 1
    return sheet_figure([panel], image_shape, ONE_COLUMN if narrow else TWO_COLUMNS)


@styled
def progressive(
    x: np.ndarray, decoded: np.ndarray, added: np.ndarray, image_shape: Sequence[int], budgets: Sequence[int]
) -> Figure:
    """Inputs (S, D) rebuilt of more and more units, (S, B, D); below, what each column adds to the one before it.

    `added` (S, B, D): the first column's is its difference to the reconstruction of the empty code.
    """
    columns = [f"{budget}" for budget in budgets]
    built = Panel(np.concatenate([x[:, None], decoded], axis=1), (), ("input", *columns), value_range(x))
    blank = np.full_like(added[:, :1], np.nan, dtype=np.float64)
    steps = np.concatenate([blank, added], axis=1)
    limits = symmetric_range(added, CLIPPED)
    width = ONE_COLUMN if len(budgets) < PER_ROW else TWO_COLUMNS
    return sheet_figure([built, Panel(steps, (), (), limits, signed=True, bar="change")], image_shape, width)
