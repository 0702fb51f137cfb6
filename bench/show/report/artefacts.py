"""What the page shows beyond the records: what one run of each row left on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.store.folder import DamagedFile, RunFolder
from bench.store.legend import Legend
from bench.store.record import Record
from bench.store.runs import RunStore
from bench.store.views import Views

if TYPE_CHECKING:
    import numpy as np


KINDS = {"global": {"global"}, "class-specific": {"shared", "exclusive"}}
"""Kinds of units that are shown across classes, and their roles."""
DEFINITIONS = {"global": "on in half of every class", "class-specific": "on in half of some classes, but not of all"}
"""What makes a unit one of a kind."""


@dataclass(frozen=True)
class Left:
    """What a run left beside its record."""

    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Array-valued metrics, as float64."""
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Columns of the losses over training."""
    views: Views = field(default_factory=Views)
    """What pictures are made of."""
    legend: Legend = field(default_factory=Legend)
    """How to read its numbers."""
    lacks: tuple[str, ...] = ()
    """What is not there, and how to have it."""


def gather(store: RunStore, runs: Iterable[Record]) -> dict[str, Left]:
    """Run id -> what it left."""
    return {record.run_id: _left(store.folder(record.run_id)) for record in runs}


def _left(folder: RunFolder) -> Left:
    lacks: list[str] = []

    def note(error: DamagedFile) -> None:
        lacks.append(str(error).replace(f"{folder.path}{os.sep}", ""))  # a page is read on other machines

    try:
        arrays = _numbers(folder.arrays())
    except DamagedFile as error:
        arrays = {}
        note(error)
    views = Views()
    try:
        views = Views.from_arrays(folder.views())
        lacks += views.missing.tolist() or _not_varied(views, folder.run_id)
        if not views.inputs.size:
            lacks.append(f"This run has no pictures; `bench evaluate {folder.run_id}` makes them from its weights.")
    except DamagedFile as error:
        note(error)
    except ValueError as error:
        lacks.append(f"views.npz is not what a run leaves ({error}); `bench evaluate {folder.run_id}` makes it again.")
    return Left(arrays, folder.history(), views, folder.legend(), tuple(lacks))


def _not_varied(views: Views, run: str) -> list[str]:
    """Which kinds of units are not shown across classes, and why."""
    if views.unvaried:
        return [
            f"This run has no pictures of a unit that is varied in several classes; `bench evaluate {run}` makes them."
        ]
    roles = set(views.unit_roles.tolist())
    absent = [kind for kind, of_kind in KINDS.items() if roles and not roles & of_kind]
    return [f"No {kind} unit is shown across classes: it has none ({DEFINITIONS[kind]})." for kind in absent]


def _numbers(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of real numbers, as float64; a plug-in may leave others, of which nothing can be drawn."""
    return {name: array.astype("float64") for name, array in arrays.items() if array.dtype.kind in "biuf"}
