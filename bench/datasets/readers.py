"""From a file of numbers to its samples: one function a format. Nothing in a file is executed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import BenchError, first_line

INPUTS = ("x", "X", "activations", "data", "features", "images")
"""Names of the inputs in a file that holds several arrays."""
LABELS = ("labels", "y", "label", "targets", "target", "class")
"""Names of the labels, in a file of arrays or as a column of a table."""
NAMES = ("class_names", "classes", "names")
"""Names of the array that names the classes."""
SPLITS = {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}
"""What a split may be called in a file's keys (`x_train`, `train_x`), its name or a folder's."""


@dataclass(frozen=True)
class Samples:
    """Samples as they lie on disk."""

    x: Tensor
    """Inputs (N, ...), of any numeric type."""
    labels: np.ndarray | None = None
    """Labels (N,), integers or words; None where there are none."""
    class_names: tuple[str, ...] | None = None
    """The class of label 0, 1, ...; None where labels name themselves."""


def read_samples(path: Path, labels: str | None = None) -> dict[str, Samples]:
    """The samples of a file: under "all", or under the names of the splits that it has.

    Parameters
    ----------
    path : Path
        A file with an extension of `READERS`.
    labels : str, optional
        The array or the column that holds the labels, where it has not one of the usual names.

    Raises
    ------
    BenchError
        The file cannot be read, holds code, or holds no inputs.
    """
    try:
        content = READERS[path.suffix](path)
    except (OSError, ValueError, EOFError, RuntimeError, ImportError, KeyError, zipfile.BadZipFile) as error:
        raise BenchError(f"'{path}' cannot be read: {_reason(error)}.") from error
    if isinstance(content, Tensor):
        return {"all": Samples(content, *_beside(path))}
    if not isinstance(content, Mapping):
        return {"all": _columns(path, content, labels)}
    return _arrays(path, content, labels)


def _reason(error: Exception) -> str:
    words = first_line(str(error))
    if "pickle" in words.lower() or "weights_only" in words.lower():
        return "it holds pickled objects, which could run code: save plain numbers, as x.astype('float32') has them"
    return words.rstrip(".")


def _npy(path: Path) -> Tensor:
    return _tensor(np.load(path, allow_pickle=False))


def _npz(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def _safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _pt(path: Path) -> Tensor | dict[str, Any]:
    import pickle

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(f"pickled objects ({first_line(str(error))})") from error
    if not isinstance(content, Tensor | dict):
        raise ValueError(f"it holds a {type(content).__name__}, neither a tensor nor a mapping of tensors")
    return content


def _csv(path: Path) -> Any:
    import pandas as pd

    return pd.read_csv(path)


def _parquet(path: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(path)


READERS: dict[str, Callable[[Path], Any]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".pt": _pt,
    ".csv": _csv,
    ".parquet": _parquet,
}
"""Extension -> what reads it: a tensor, a mapping of arrays, or a table."""


def _tensor(array: Any) -> Tensor:
    if isinstance(array, Tensor):
        return array
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"it holds {array.dtype} where numbers belong")
    return torch.from_numpy(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False)))


def _beside(path: Path) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Labels and class names in the files beside one that holds inputs alone: acts.labels.npy, acts.classes.txt."""
    stem = path.with_suffix("")
    labels: np.ndarray | None = None
    names: tuple[str, ...] | None = None
    if (file := Path(f"{stem}.labels.npy")).is_file():
        try:
            labels = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise BenchError(f"'{file}' cannot be read: {_reason(error)}.") from error
    elif (file := Path(f"{stem}.labels.txt")).is_file():
        labels = np.array(file.read_text(encoding="utf-8").splitlines())
    if (file := Path(f"{stem}.classes.txt")).is_file():
        names = tuple(file.read_text(encoding="utf-8").splitlines())
    return labels, names


def _arrays(path: Path, content: Mapping[str, Any], labels: str | None) -> dict[str, Samples]:
    """The samples of a file of several arrays, by split where their names say one."""
    names = next((tuple(map(str, np.asarray(content[name]).tolist())) for name in NAMES if name in content), None)
    wanted = (labels,) if labels else LABELS
    found = {}
    for split, words in {"all": ("",), **SPLITS}.items():
        x = _first(content, INPUTS, words)
        if x is not None:
            y = _first(content, wanted, words)
            if y is None and labels:
                raise BenchError(f"'{path}' has no array '{labels}' for labels; it has {', '.join(sorted(content))}.")
            found[split] = Samples(_tensor(x), None if y is None else np.asarray(y), names)
    if not found:
        raise BenchError(
            f"'{path}' has no inputs among {', '.join(sorted(content)) or 'nothing'}; call them x (and labels), "
            "or x_train, labels_train, x_test, labels_test."
        )
    return found


def _first(content: Mapping[str, Any], names: tuple[str, ...], splits: tuple[str, ...]) -> Any:
    """The first array that has one of some names, with one of some names of a split."""
    for name in names:
        for split in splits:
            for key in (f"{name}_{split}", f"{split}_{name}") if split else (name,):
                if key in content:
                    return content[key]
    return None


def _columns(path: Path, table: Any, labels: str | None) -> Samples:
    """The samples of a table: a row each; its numeric columns are the inputs."""
    column = labels or next((name for name in LABELS if name in table.columns), None)
    if column is not None and column not in table.columns:
        raise BenchError(f"'{path}' has no column '{column}'; it has {', '.join(map(str, table.columns[:20]))}.")
    inputs = table.drop(columns=[] if column is None else [column])
    words = [str(name) for name in inputs.columns if inputs[name].dtype.kind not in "biuf"]
    if words:
        raise BenchError(
            f"'{path}' has columns that are no numbers: {', '.join(words[:5])}. "
            "Leave them out, or name the one that holds the classes: PATH:labels=COLUMN."
        )
    return Samples(_tensor(inputs.to_numpy(dtype="float64")), None if column is None else table[column].to_numpy())
