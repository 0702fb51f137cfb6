"""From a file of numbers to its samples: one function a format. Nothing in a file is executed."""

from __future__ import annotations

import difflib
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.datasets.beside import beside
from bench.datasets.saved import saved_content
from bench.datasets.stored import Rows, npy_rows, safetensors_rows
from bench.datasets.unreadable import unreadable
from bench.errors import BenchError, first_line, unknown

INPUTS = ("x", "X", "activations", "data", "features", "images", "image", "embeddings", "embedding", "hidden_states")
"""Names of the inputs in a file that holds several arrays."""
LABELS = ("labels", "y", "label", "targets", "target", "class")
"""Names of the labels, in a file of arrays or as a column of a table."""
CLASS_NAMES, CATEGORIES = ("class_names", "classes"), ("categories",)
"""Names of the arrays that name the classes, and say of each which category it is in."""
NAMES = ("names", "name", "texts", "text", "paths", "path")
"""Names of what says what each sample is, in a file of arrays or as a column of words in a table."""
INDEX = ("", "Unnamed: 0", "index")
"""Names of a column that numbers the rows of a table, as pandas and R write them."""
SHOWN = 20
"""Names of columns or arrays that a message lists."""
HEAD = 200
"""Rows of a table that are read while a study is planned."""
SPLITS = {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}
"""What a split may be called in a file's keys (`x_train`, `train_x`), its name or a folder's."""


@dataclass(frozen=True)
class Samples:
    """Samples as they lie on disk."""

    x: Tensor | Rows
    """Inputs (N, ...), of any numeric type."""
    labels: np.ndarray | None = None
    """Labels (N,), integers or words; None where there are none. A column (N, 1) is taken as them."""
    class_names: tuple[str, ...] | None = None
    """The class of label 0, 1, ...; None where labels name themselves."""
    categories: tuple[str, ...] | None = None
    """The category of each class, in their order."""
    names: tuple[str, ...] | None = None
    """The text or the path of each sample (N)."""
    groups: np.ndarray | None = None
    """A number a row: rows of one group, as the tokens of a text, stay in one split. None: each row is its own."""
    positions: np.ndarray | None = None
    """The place of each row in its group (N,), where they are in order."""
    feature_names: tuple[str, ...] | None = None
    """What each column of a table is called (D)."""
    embedding: Tensor | Rows | None = None
    """What another network makes of each sample (N, ...)."""

    def __post_init__(self) -> None:
        if self.labels is not None and self.labels.ndim == 2 and self.labels.shape[1] == 1:
            object.__setattr__(self, "labels", self.labels[:, 0])


def read_samples(path: Path, labels: str | None = None, matrix: tuple[str, str] | None = None) -> dict[str, Samples]:
    """The samples of a file: under "all", or under the names of the splits that it has.

    Parameters
    ----------
    path : Path
        A file with an extension of `READERS`, or the folder of a saved data set.
    labels : str, optional
        The array or the column that holds the labels, where it has not one of the usual names.
    matrix : tuple of str, optional
        Of an .h5ad file, where its inputs are, "layer" or "obsm", and under which name; by default they are its X.

    Raises
    ------
    BenchError
        The file cannot be read, holds code, or holds no inputs.
    """
    reader = partial(_h5ad, matrix=matrix) if matrix else saved_content if path.is_dir() else READERS[path.suffix]
    content = _content(path, reader)
    if isinstance(content, Tensor | Rows):
        return completed({"all": Samples(content)}, path)
    if not isinstance(content, Mapping):
        return completed({"all": _columns(path, content, labels)}, path)
    return completed(_arrays(path, content, labels), path)


def require_table(path: Path, labels: str | None = None) -> None:
    """BenchError where the first rows of a table show what `read_samples` would refuse; nothing for other files."""
    if path.suffix in HEADS and path.is_file():
        _columns(path, _content(path, HEADS[path.suffix]), labels)


def _content(path: Path, reader: Callable[[Path], Any]) -> Any:
    try:
        return reader(path)
    except (OSError, ValueError, EOFError, RuntimeError, ImportError, KeyError, zipfile.BadZipFile) as error:
        raise unreadable(path, error) from error


def completed(parts: Mapping[str, Samples], path: Path) -> dict[str, Samples]:
    """Samples with what the files beside their path say and they do not; of single samples where there is no split."""
    known = beside(path)
    if set(parts) != {"all"}:
        known = {field: value for field, value in known.items() if field in ("class_names", "categories")}
    return {
        name: replace(part, **{field: value for field, value in known.items() if getattr(part, field) is None})
        for name, part in parts.items()
    }


def class_name(label: object) -> str:
    """What a class is called by its label: whole numbers without a fraction, as tables of floats have them."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _npy(path: Path) -> Tensor | Rows:
    return npy_rows(path) or _tensor(np.load(path, allow_pickle=False))


def _npz(path: Path) -> dict[str, Any]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:  # numpy leaves a damaged one open
        return dict(archive)


def _safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError

    try:
        return safetensors_rows(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def torch_saved(path: Path) -> Any:
    """What torch saved in a file, on the CPU. Raises UnpicklingError for what could run code, among others."""
    with warnings.catch_warnings(action="ignore"):  # of a format that is refused
        return torch.load(path, map_location="cpu", weights_only=True)


def _pt(path: Path) -> Tensor | dict[str, Any]:
    import pickle

    try:
        content = torch_saved(path)
    except pickle.UnpicklingError as error:
        raise ValueError(f"pickled objects ({first_line(str(error))})") from error
    if not isinstance(content, Tensor | dict):
        raise ValueError(f"it holds a {type(content).__name__}, neither a tensor nor a mapping of tensors")
    return content


def _csv(path: Path, rows: int | None = None) -> Any:
    import pandas as pd

    return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", nrows=rows)


def _parquet(path: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(path)


def _h5ad(path: Path, matrix: tuple[str, str] | None = None) -> dict[str, Any]:
    try:
        import anndata
    except ImportError as error:
        raise ImportError("an .h5ad file needs anndata: pip install anndata") from error
    table = anndata.read_h5ad(path)
    x = table.X
    if matrix:
        kind, name = matrix
        matrices = table.layers if kind == "layer" else table.obsm
        if name not in matrices:
            raise unknown(f"{kind} of '{path}'", name, matrices)
        x = matrices[name]
    x = x.toarray() if hasattr(x, "toarray") else np.asarray(x)
    taken = {*INPUTS, *CLASS_NAMES, *CATEGORIES, *NAMES}
    columns = {name: table.obs[name].to_numpy() for name in table.obs.columns if name not in taken}
    return columns | {"x": x, "names": table.obs_names.to_numpy()}


READERS: dict[str, Callable[[Path], Any]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".pt": _pt,
    ".csv": _csv,
    ".tsv": _csv,
    ".parquet": _parquet,
    ".h5ad": _h5ad,
}
"""Extension -> what reads it: a tensor, a mapping of arrays, or a table."""
HEADS: dict[str, Callable[[Path], Any]] = {end: partial(_csv, rows=HEAD) for end in (".csv", ".tsv")}
"""Extension of a table -> what reads its first rows."""


def _tensor(array: Any) -> Tensor | Rows:
    if isinstance(array, Tensor | Rows):
        return array
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"it holds {array.dtype} where numbers belong")
    return torch.from_numpy(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False)))


def _array(values: Any) -> np.ndarray:
    return np.asarray(values.read() if isinstance(values, Rows) else values)


def _arrays(path: Path, content: Mapping[str, Any], labels: str | None) -> dict[str, Samples]:
    """The samples of a file of several arrays, by split where their names say one."""
    classes, categories = (_words(_first(content, each, ("",))) for each in (CLASS_NAMES, CATEGORIES))
    wanted = (labels,) if labels else LABELS
    found = {}
    for split, words in {"all": ("",), **SPLITS}.items():
        x = _first(content, INPUTS, words)
        if x is not None:
            y = _first(content, wanted, words)
            if y is None and labels:
                raise _absent(path, "array", labels, sorted(content))
            names = _words(_first(content, NAMES, words))
            found[split] = Samples(_tensor(x), None if y is None else _array(y), classes, categories, names)
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


def _words(array: Any) -> tuple[str, ...] | None:
    return None if array is None else tuple(map(str, np.asarray(array).ravel().tolist()))


def _absent(path: Path, kind: str, name: str, names: Iterable[object]) -> BenchError:
    """The error of a column or an array of labels that is not there, with a guess."""
    known = list(map(str, names))
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    more = f", and {len(known) - SHOWN:,} more" if len(known) > SHOWN else ""
    return BenchError(f"'{path}' has no {kind} '{name}' for labels; it has {', '.join(known[:SHOWN])}{more}.{guess}")


def _require_no_index(path: Path, inputs: Any) -> None:
    """BenchError for a column that numbers the rows: as an input it would outweigh all others."""
    for name in inputs.columns:
        if str(name) in INDEX and len(inputs) > 1 and (np.diff(inputs[name].to_numpy(dtype="float64")) == 1).all():
            raise BenchError(
                f"'{path}' has a column '{name}' that numbers its rows, and would be an input; leave it out: "
                "table.to_csv(PATH, index=False)."
            )


def _columns(path: Path, table: Any, labels: str | None) -> Samples:
    """The samples of a table: a row each; its numeric columns are the inputs."""
    column = labels or next((name for name in LABELS if name in table.columns), None)
    if len(table.columns) == 1 and (mark := next((each for each in ";\t|" if each in str(table.columns[0])), None)):
        raise BenchError(f"'{path}' seems to have {mark!r} between its columns; write it with commas, or tabs as .tsv.")
    if column is not None and column not in table.columns:
        raise _absent(path, "column", column, table.columns)
    inputs = table.drop(columns=[] if column is None else [column])
    words = [str(name) for name in inputs.columns if inputs[name].dtype.kind not in "biuf"]
    called = next((name for name in NAMES if name in words), None)
    if called:
        words.remove(called)
        inputs = inputs.drop(columns=[called])
    if words:
        raise BenchError(
            f"'{path}' has columns that are no numbers: {', '.join(words[:5])}. "
            "Leave them out; or name the one that holds the classes, PATH:labels=COLUMN; or rename the one that says "
            "what each sample is to 'name'."
        )
    _require_no_index(path, inputs)
    if not len(inputs.columns):
        raise BenchError(
            f"'{path}' has no column of numbers, only {', '.join(map(str, table.columns[:20]))}. What a network makes "
            "of texts is a data set: `bench extract --inputs`."
        )
    known = None if column is None else table[column].to_numpy()
    names = None if called is None else _words(table[called])
    columns = tuple(map(str, inputs.columns))
    return Samples(_tensor(inputs.to_numpy(dtype="float64")), known, names=names, feature_names=columns)
