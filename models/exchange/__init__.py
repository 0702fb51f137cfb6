"""Checkpoints of other libraries: one file a format, which reads its files and writes ours as its own.

A format is a module with a `FORMAT`. What they have in common is a `Checkpoint` (`models.exchange.checkpoint`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.exchange.checkpoint import Checkpoint
    from models.exchange.format import Format

NAMES = ("saelens", "dictionary_learning", "sparsify", "overcomplete", "torch")
"""The formats that are read; all but overcomplete, which has none of its own, are written."""


def format_of(name: str) -> Format:
    """The format of a name; a path is recognised by `recognised`. CheckpointError for an unknown one."""
    from models.exchange.checkpoint import CheckpointError

    if name not in NAMES:
        raise CheckpointError(f"format '{name}': valid are {', '.join(NAMES)}")
    found: Format = importlib.import_module(f"models.exchange.{name}_files").FORMAT
    return found


def recognised(path: Path, name: str = "") -> Format:
    """The format of the files at a path: the one that is named, else the one whose files are there.

    CheckpointError that says what was looked for where there is none.
    """
    from models.exchange.checkpoint import CheckpointError

    formats = [format_of(each) for each in ([name] if name else NAMES)]
    for each in formats:
        if each.paths(path):
            return each
    looked_for = "; ".join(f"{each.name}: {each.looked_for}" for each in formats)
    there = "there is nothing" if not path.exists() else "it has none of the files"
    raise CheckpointError(f"'{path}' is no checkpoint: {there}. Looked for {looked_for}")


def read(path: Path, name: str = "", options: Mapping[str, str] | None = None) -> Checkpoint:
    """The checkpoint at a path. CheckpointError for what is missing, contradicts itself, or is not supported."""
    found = recognised(path, name)
    return found.read(found.paths(path), options or {})
