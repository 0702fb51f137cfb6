"""What follows a data set's name or path, as the command line and a record name it, such as :normalise=rms."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.errors import BenchError, unknown

SUFFIXES = (".npy", ".npz", ".safetensors", ".pt", ".csv", ".tsv", ".parquet", ".h5ad")
"""Extensions of the files that are read."""

NORMALISATIONS = ("auto", "none", "center", "standardise", "rms", "unit")
"""What may be done to inputs: see `bench.datasets.normalising`."""

OPTION = re.compile(r"(.+):(\w+)=([^:/]*|(?<=:embedding=)[^:]*)")
"""One option behind a path. A slash in the value belongs to a path; in an embedding's, that is to be said."""

MATRICES = ("layer", "obsm")
"""Options of an .h5ad file: which of its matrices are the inputs."""
OPTIONS = ("labels", "normalise", "patches", "embedding", *MATRICES)
"""What may follow a path, as `:NAME=VALUE`."""


class Place(NamedTuple):
    """A path with what was asked for with it."""

    path: Path
    """The file or folder."""
    options: Mapping[str, str]
    """Those of `OPTIONS` that were given."""

    @property
    def name(self) -> str:
        """What boards call it: the file's name without its extension, and what else was said of how it is read."""
        name = self.path.resolve().name if self.path.is_dir() else self.path.stem
        words = {"labels": "", "normalise": "{}", "patches": "patches of {}", "embedding": "embedded by {}"}
        words |= dict.fromkeys(MATRICES, "{}")
        return " ".join(filter(None, [name, *(words[key].format(word) for key, word in self.options.items())]))

    @property
    def reference(self) -> str:
        """What names it from any folder."""
        return ":".join([os.path.abspath(self.path), *(f"{key}={value}" for key, value in self.options.items())])

    @property
    def matrix(self) -> tuple[str, str] | None:
        """Where an .h5ad file has the inputs, "layer" or "obsm", and under which name; None for its X."""
        return next(((key, self.options[key]) for key in MATRICES if key in self.options), None)

    @property
    def embedding(self) -> Path | None:
        """The file or folder beside it that has an embedding of each of its samples; None where none was named."""
        name = self.options.get("embedding")
        return Path(os.path.abspath(self.path)).parent / name if name else None


def options_of(reference: str) -> tuple[str, dict[str, str]]:
    """What stands before the options of a reference, and the options by name. Nothing is checked."""
    options: dict[str, str] = {}
    while found := OPTION.fullmatch(reference):
        reference, key, value = found.groups()
        options = {key: value} | options
    return reference, options


def normalisation_of(reference: str) -> tuple[str, str]:
    """The reference of a data set that is no path, without `:normalise=HOW`, and HOW; "" where it has none.

    BenchError for another option, or an unknown HOW.
    """
    named, options = options_of(reference)
    _require_known(named, options, ("normalise",))
    return named, options.get("normalise", "")


def place_of(reference: str) -> Place | None:
    """The place that a reference names; None where it is not of the form of a file or folder of data.

    Raises
    ------
    BenchError
        There is no such file, or an option is unknown.
    """
    path, options = options_of(reference)
    is_folder = Path(path).is_dir() and ("/" in path or path in (".", "..") or bool(options.keys() - {"normalise"}))
    if Path(path).suffix not in SUFFIXES and not is_folder:
        if "/" in path and ":" not in path and not path.endswith(".py"):
            raise BenchError(_no_data(path))
        return None
    if not Path(path).exists():
        raise BenchError(f"There is no file '{path}'; give its path from here.")
    _require_known(path, options, OPTIONS)
    side = options.get("patches")
    if side is not None and not (is_folder and side.isdecimal() and 4 <= int(side) <= 64):
        raise BenchError(f"patches={side} of '{path}': give the side of patches of a folder's images, 4 to 64 pixels.")
    given = [f"{key}={options[key]}" for key in MATRICES if key in options]
    if given and (len(given) > 1 or Path(path).suffix != ".h5ad"):
        raise BenchError(f"{' and '.join(given)} of '{path}': give one of them, of an .h5ad file.")
    place = Place(Path(path), options)
    if "embedding" in options:
        _require_beside(place)
    return place


def _no_data(path: str) -> str:
    if Path(path).exists():
        return f"'{path}' is no data set: give a folder, or a file that ends in {', '.join(SUFFIXES)}."
    return f"There is no file or folder '{path}'; give its path from here."


def _require_beside(place: Place) -> None:
    """BenchError where the embedding of a place is not beside it."""
    name, remedy = place.options["embedding"], "give the name of a file or folder beside it"
    it = f"embedding={name} of '{place.path}'"
    if "patches" in place.options:
        raise BenchError(f"{it}: patches are cut anew, and nothing has an embedding of each; leave it out.")
    if not name or "/" in name or name in (".", ".."):
        raise BenchError(f"{it} is no name: {remedy}, without a folder, with an embedding of each of its samples.")
    if not (place.embedding and place.embedding.exists()):
        raise BenchError(f"{it}: there is no '{place.embedding}'; {remedy}, with an embedding of each of its samples.")


def _require_known(named: str, options: Mapping[str, str], valid: Sequence[str]) -> None:
    for key in options:
        if key not in valid:
            other = f"'{key}' is for files and folders, and '{named}' is none here. " if key in OPTIONS else ""
            raise unknown("option of a data set", key, valid, f"{other}Write {named}:normalise=rms.")
    if options.get("normalise", "auto") not in NORMALISATIONS:
        raise unknown("normalisation", options["normalise"], NORMALISATIONS)
