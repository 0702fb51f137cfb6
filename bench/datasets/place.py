"""A path of one's own data, as the command line and a record name it: PATH[:labels=NAME][:normalise=HOW]."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.errors import BenchError, unknown

SUFFIXES = (".npy", ".npz", ".safetensors", ".pt", ".csv", ".parquet")
"""Extensions of the files that are read."""

NORMALISATIONS = ("auto", "none", "center", "standardise", "rms")
"""What may be done to inputs: see `bench.datasets.normalising`."""

OPTION = re.compile(r"(.+):(\w+)=([^:/]*)")

OPTIONS = ("labels", "normalise")
"""What may follow a path, as `:NAME=VALUE`."""


class Place(NamedTuple):
    """A path with what was asked for with it."""

    path: Path
    """The file or folder."""
    options: Mapping[str, str]
    """Those of `OPTIONS` that were given."""

    @property
    def name(self) -> str:
        """What boards call it: the file's name without its extension, and how it is normalised where that was said."""
        name = self.path.resolve().name if self.path.is_dir() else self.path.stem
        return " ".join([name, *(word for key, word in self.options.items() if key == "normalise")])

    @property
    def reference(self) -> str:
        """What names it from any folder."""
        return ":".join([os.path.abspath(self.path), *(f"{key}={value}" for key, value in self.options.items())])


def place_of(reference: str) -> Place | None:
    """The place that a reference names; None where it is not of the form of a file or folder of data.

    Raises
    ------
    BenchError
        There is no such file, or an option is unknown.
    """
    options: dict[str, str] = {}
    path = reference
    while found := OPTION.fullmatch(path):
        path, key, value = found.groups()
        options = {key: value} | options
    is_folder = Path(path).is_dir() and ("/" in path or path in (".", ".."))
    if Path(path).suffix not in SUFFIXES and not is_folder:
        return None
    if not Path(path).exists():
        raise BenchError(f"There is no file '{path}'; give its path from here.")
    for key in options:
        if key not in OPTIONS:
            raise unknown("option of a data set", key, OPTIONS, f"Write {path}:normalise=rms.")
    if options.get("normalise", "auto") not in NORMALISATIONS:
        raise unknown("normalisation", options["normalise"], NORMALISATIONS)
    return Place(Path(path), options)
