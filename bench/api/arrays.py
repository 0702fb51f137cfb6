"""Arrays of one's own: as inputs of a model, and as files that are data sets."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bench.datasets.conversion import DataError, as_inputs, require_plain
from bench.errors import BenchError
from bench.execute.seeding import random_numbers_kept
from bench.store.files import require_writable, write_atomically
from bench.store.runs import RunStore

Arrays = Mapping[str, ArrayLike | tuple[ArrayLike, ArrayLike] | Mapping[str, ArrayLike]]
"""Name -> inputs (N, ...), or inputs and labels (N,), or arrays by their names in an .npz, of data sets in memory."""

FOLDER = "arrays"
"""Of a results folder: where data sets are kept that came as arrays."""
NAME = r"\w[\w-]*"
"""Of such a data set."""


def inputs(values: Any) -> Tensor:
    """Inputs (N, D), float32, of an array (N, ...): as data sets in files are read. BenchError for what is no such."""
    try:
        require_plain("x", values)
        array = values if isinstance(values, Tensor) else np.asarray(values)
        if array.ndim < 2 or len(array) == 0:
            raise DataError(f"it has the shape {tuple(array.shape)}; expected (N, D), a row for each sample.")
        flat = array.reshape(len(array), -1)
        if isinstance(flat, np.ndarray) and flat.dtype.kind in "iu":
            flat = flat.astype(np.float32) / (255 if array.dtype == np.uint8 and array.ndim > 2 else 1)
        return as_inputs(flat)
    except ValueError as error:
        raise BenchError(f"The array cannot be taken as inputs: {error}") from error


def kept(arrays: Arrays, store: RunStore) -> list[str]:
    """Paths of files that hold some arrays: a run can be looked at again only while its data are there.

    BenchError for a name that is none, what is no array of numbers, and a name under which runs have other numbers.
    """
    paths = []
    for name, given in arrays.items():
        if not re.fullmatch(NAME, str(name)):
            raise BenchError(f"The data set's name '{name}' is no plain word; use letters, digits, - and _.")
        content = _content(name, given)
        path = store.root / FOLDER / f"{name}.npz"
        if not path.exists() or (not _holds(path, content) and not _used(name, store)):
            require_writable(path.parent, "results")
            write_atomically(path, lambda new, content=content: _write(new, content))  # type: ignore[misc]
        elif not _holds(path, content):
            raise BenchError(
                f"'{path}' holds other numbers under the name '{name}', of which there are runs. Give these another."
            )
        paths.append(str(path.absolute()))
    return paths


def _content(name: str, given: Any) -> dict[str, np.ndarray]:
    """The arrays of a data set, by the names that they have in an .npz."""
    if isinstance(given, Mapping):
        return {str(key): plain(f"{name}, {key}", values) for key, values in given.items()}
    x, labels = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
    return {"x": plain(name, x)} | ({} if labels is None else {"labels": plain(f"{name}, labels", labels)})


def kept_as(name: str, results: Path) -> list[str]:
    """The path of the file that holds the array of this name; none where there is none."""
    path = results / FOLDER / f"{name}.npz"
    return [str(path.absolute())] if re.fullmatch(NAME, name) and path.is_file() else []


def _used(name: str, store: RunStore) -> bool:
    """Whether there are runs on data of this name."""
    scan = store.scan()
    return bool(scan.unreadable) or any(record.spec.dataset == name for record in scan.records)


def plain(name: str, values: Any) -> np.ndarray:
    """An array of numbers or words, without objects, which would be pickled."""
    try:
        require_plain("it", values)
        tensor = values.float() if isinstance(values, Tensor) and values.dtype == torch.bfloat16 else values
        array = tensor.numpy(force=True) if isinstance(tensor, Tensor) else np.asarray(tensor)
    except ValueError as error:
        raise BenchError(f"'{name}' is no array: {str(error).rstrip('.')}.") from error
    array = as_words(_numbers(values) if array.dtype == object else array)
    if array.dtype == object or array.ndim == 0:
        raise BenchError(
            f"'{name}' is {type(values).__name__} of {array.dtype}; give numbers (N, D), or a pair (x, labels) of them "
            "and labels (N,), which are numbers or words: of a table, table[columns] and table[column]."
        )
    return np.ascontiguousarray(array)  # files, and so runs, are known by their bytes


def _numbers(values: Any) -> np.ndarray:
    """A table or a column of numbers and truth values of several types, which numpy takes for objects, as numbers."""
    columns = [values[name] for name in values] if isinstance(values, pd.DataFrame) else [values]
    if all(isinstance(each, pd.Series) and pd.api.types.is_numeric_dtype(each) for each in columns):
        values = values.to_numpy(dtype="float64", na_value=np.nan)
    return np.asarray(values)


def as_words(array: np.ndarray) -> np.ndarray:
    """An array of objects that are words as one of words, empty where one is missing; any other as it is."""
    if array.dtype != object or array.ndim == 0:
        return array
    missing = np.asarray(pd.isna(array))
    words = all(isinstance(value, str) for value in array[~missing].flat)
    return np.where(missing, "", array).astype(str) if words else array


def _write(path: Path, content: Mapping[str, np.ndarray]) -> None:
    with path.open("wb") as file:  # numpy would add .npz to a name
        np.savez(file, **content)  # type: ignore[arg-type]


def _holds(path: Path, content: Mapping[str, np.ndarray]) -> bool:
    try:
        with np.load(path, allow_pickle=False) as known:
            return set(known.files) == set(content) and all(
                known[key].dtype == array.dtype and known[key].tobytes() == array.tobytes()
                for key, array in content.items()
            )
    except (OSError, ValueError) as error:
        raise BenchError(f"'{path}' cannot be read: {error}. Remove it.") from error


_one_at_a_time = threading.RLock()
"""Random numbers are the whole process's: two threads that draw from them in turn would both get other ones."""


@contextmanager
def settings_restored() -> Iterator[None]:
    """Leave the caller's random numbers, threads and treatment of denormals as they were; in one block at a time."""
    with _one_at_a_time, random_numbers_kept():
        threads = torch.get_num_threads()
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.set_flush_denormal(False)
