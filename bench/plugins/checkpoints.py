"""Checkpoints of other libraries as models: `sae:PATH[@FORMAT][:OPTION=VALUE]` becomes a model that is trained.

A path with wildcards names several checkpoints of one recipe, in the order of their names: each is a replicate, which
takes the place of a seed.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.datasets.place import options_of
from bench.errors import BenchError, message_of
from bench.store.files import expanded
from bench.store.spec import CHECKPOINT

if TYPE_CHECKING:
    from models.exchange.checkpoint import Checkpoint
    from models.imported import Imported

MODEL = "models.imported:Imported"
PURSUIT = "models.imported:ImportedPursuit"
"""The models that they are: those with a linear encoder, and those without."""


class CheckpointPlace(NamedTuple):
    """Where checkpoints are, and how they are read."""

    path: str
    """A path, from the root of the file system, perhaps with wildcards."""
    format: str
    """A name of `models.exchange.NAMES`; "" where it is recognised."""
    options: Mapping[str, str]
    """What was said beside the path."""

    @property
    def name(self) -> str:
        """What boards call it: the last two words of its path, which mostly are a release and a place in a network."""
        return CHECKPOINT + "/".join(Path(self.path).parts[-2:])

    @property
    def reference(self) -> str:
        """What names it from any folder."""
        named = f"@{self.format}" if self.format else ""
        return ":".join([f"{CHECKPOINT}{self.path}{named}", *(f"{key}={value}" for key, value in self.options.items())])

    @property
    def replicates(self) -> list[Path]:
        """The checkpoints, in order. BenchError where there is none."""
        if not glob.has_magic(self.path) or Path(self.path).exists():
            return [Path(self.path)]
        found = [Path(path) for path in sorted(glob.glob(self.path))]
        if not found:
            raise BenchError(f"Nothing is called '{self.path}'; give the path of a checkpoint, or one with wildcards.")
        return found


def checkpoint_place(reference: str) -> CheckpointPlace | None:
    """The place that `sae:PATH[@FORMAT][:OPTION=VALUE]` names; None for what is no such reference."""
    if not reference.startswith(CHECKPOINT):
        return None
    path, options = options_of(reference.removeprefix(CHECKPOINT))
    named = ""
    if found := re.fullmatch(r"(.*)@(\w*)", path):
        path, named = found.groups()
    if not path:
        raise BenchError(f"The model '{reference}' names no checkpoint: give {CHECKPOINT}PATH.")
    return CheckpointPlace(os.path.abspath(expanded(Path(path))), named, options)


def checkpoint_files(place: CheckpointPlace, replicate: int) -> Sequence[Path]:
    """The files of one checkpoint. BenchError where there is none of a known format."""
    from models.exchange import recognised
    from models.exchange.checkpoint import CheckpointError

    paths = place.replicates
    if replicate >= len(paths):
        raise BenchError(f"'{place.path}' names {len(paths)} checkpoints, and there is no number {replicate}.")
    try:
        return recognised(paths[replicate], place.format).paths(paths[replicate])
    except CheckpointError as error:
        raise BenchError(f"{message_of(error)}.") from error


@cache
def imported_class(place_reference: str, replicate: int, digest: str) -> type[Imported]:
    """The model of one checkpoint, whose files have this digest. BenchError where it cannot be read."""
    from models.exchange import read
    from models.exchange.checkpoint import CheckpointError
    from models.imported import Imported, ImportedPursuit

    place = checkpoint_place(place_reference)
    assert place
    paths = place.replicates

    def source() -> Checkpoint:
        try:
            return read(paths[replicate], place.format, place.options)
        except CheckpointError as error:
            raise BenchError(f"{message_of(error)}.") from error

    checkpoint = source()
    config = checkpoint.config
    base = ImportedPursuit if config.selection == "pursuit" else Imported
    fields = {"settled": config.model_dump(mode="json"), "source": staticmethod(source)}
    flags = {"takes_raw": checkpoint.takes_raw, "deterministic": len(paths) == 1}
    return type(base.__name__, (base,), {**fields, **flags})
