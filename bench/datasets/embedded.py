"""What another network makes of the same samples: `acts:embedding=other_acts`, by which alike ones are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.datasets.extracted import read_manifest
from bench.datasets.readers import Samples
from bench.errors import BenchError


def embedded(
    parts: Mapping[str, Samples], path: Path, theirs: Mapping[str, Samples], other: Path
) -> dict[str, Samples]:
    """The samples of a path, by split, each with the row of the other path that is of the same input.

    Raises
    ------
    BenchError
        The other has other splits, another number of rows, or says that they are of other inputs.
    """
    again = f"Extract both from the same inputs, in the same order, or leave embedding={other.name} out."
    inputs = {manifest.inputs_checksum for each in (path, other) if each.is_dir() and (manifest := read_manifest(each))}
    if len(inputs) > 1:
        raise BenchError(f"'{path}' and '{other}' are of other inputs, as their manifests say. {again}")
    sizes = [{name: len(part.x) for name, part in each.items()} for each in (parts, theirs)]
    if sizes[0] != sizes[1]:
        ours, own = (", ".join(f"{name} {size:,}" for name, size in each.items()) for each in sizes)
        raise BenchError(f"'{path}' has rows ({ours}), and '{other}' has others ({own}). {again}")
    for name, part in parts.items():
        for what in ("names", "groups", "positions"):
            one, two = getattr(part, what), getattr(theirs[name], what)
            if one is not None and two is not None and (unlike := np.flatnonzero(np.array(one) != np.array(two))).size:
                row = unlike[0]
                raise BenchError(
                    f"Row {row} ({name}) of '{path}' is of '{one[row]!s:.60}', and that of '{other}' of "
                    f"'{two[row]!s:.60}'. {again}"
                )
    return {name: replace(part, embedding=theirs[name].x) for name, part in parts.items()}
