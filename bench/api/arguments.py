"""What arguments may be: said at the door, where the caller's own words are still known."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.plan.request import comma_separated
from bench.store.files import expanded


def require(argument: str, value: Any, kinds: type | tuple[type, ...], valid: str) -> None:
    """BenchError where an argument is not of some types; true and false are no numbers."""
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise BenchError(f"{argument} = {value!r:.80}: give {valid}.")


def results_folder(given: Any, argument: str = "results") -> Path:
    """The folder of runs that is meant. BenchError for what is no path."""
    require(argument, given, (str, Path), "the path of a folder of runs")
    return expanded(Path(given))


def data_folder(given: Any) -> Path:
    """Where data sets are: as given, else by BENCH_DATA_DIR, else `data`. BenchError for what is no path."""
    if given is not None:
        require("data_dir", given, (str, Path), "the path of the folder of data sets")
    return Path(given or os.environ.get("BENCH_DATA_DIR") or "data")


def names_in(names: Any) -> Any:
    """The names in a sequence, or in a string with commas between; a Path is one, wherever it may stand.

    Anything else is left to whoever knows what is valid.
    """
    if isinstance(names, str):
        return comma_separated(names)
    if isinstance(names, Path):
        return [os.path.abspath(expanded(names))]
    if isinstance(names, Sequence):
        return [os.path.abspath(expanded(name)) if isinstance(name, Path) else name for name in names]
    return names
