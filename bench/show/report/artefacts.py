"""What the figures need beyond the records: arrays and histories of one run of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.compare.boards import Board
from bench.errors import BenchError
from bench.store.runs import RunStore

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Artefacts:
    """By run id, except for `class_names`; a run that is absent is drawn without.

    Attributes
    ----------
    arrays : mapping
        Array-valued metrics: matrices are drawn as heatmaps, vectors as histograms.
    histories : mapping
        Columns of the losses over training; "step" is the abscissa.
    class_names : mapping
        Data set -> one name per class.
    """

    arrays: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    histories: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)


def gather(store: RunStore, boards: Sequence[Board]) -> Artefacts:
    """Read what the shown runs left on disk."""
    records = [record for board in boards for record in board.representatives.values()]
    ids = [record.run_id for record in records]
    names = {record.spec.dataset: record.spec.dataset_reference for record in records}
    return Artefacts(
        arrays={run_id: _numbers(store.read_arrays(run_id)) for run_id in ids},
        histories={run_id: store.read_history(run_id) for run_id in ids},
        class_names={dataset: _class_names(dataset, reference) for dataset, reference in names.items()},
    )


def _numbers(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of real numbers, as float64; a plug-in may leave others, of which nothing can be drawn."""
    return {name: array.astype("float64") for name, array in arrays.items() if array.dtype.kind in "biuf"}


def _class_names(dataset: str, reference: str) -> tuple[str, ...]:
    """What the source declares without loading its data; nothing where it does not, or is not here any more."""
    from bench.plugins.registry import DATASET_REGISTRY, Plugin
    from bench.plugins.source import class_names

    plugin = Plugin(dataset, reference, True)
    if (stated := class_names(plugin)) is not None:
        return stated
    try:
        source = DATASET_REGISTRY.load(plugin)
    except BenchError:
        return ()
    names = getattr(source, "class_names", ())
    return tuple(map(str, names)) if isinstance(names, tuple | list) else ()
