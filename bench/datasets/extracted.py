"""A folder of activations, as `bench extract` writes it: what it holds, and how it is read.

manifest.json     what made it: `Manifest`
shard-00000.npy   activations (N, D), then shard-00001.npy, ...
shard-00000.jsonl the samples of that shard, one a line: `Sample`
labels.npy        (rows,) int64: the class of each row, -1 for none
sample.npy        (rows,) int64: the number of the sample that each row is of, counted over all shards
position.npy      (rows,) int64: its place in the sample: of a token in its text, of a patch row by row
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.datasets.pictures import small_picture
from bench.datasets.readers import Samples
from bench.datasets.stored import Rows, concatenated, npy_rows
from bench.errors import BenchError, first_line

MANIFEST = "manifest.json"
"""The file that makes a folder one of activations."""

MOST_NAMED = 2**20
"""Rows that have names in memory, at most."""

Row = Literal["sample", "token", "patch"]
"""What a row of activations is of."""


class Sample(BaseModel):
    """An image or a text, and its rows."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """The path of an image from the folder of inputs, a text, or the number of a sample of a data set."""
    label: int = -1
    """Its class; -1 for none."""
    rows: int
    """Rows of activations that it has."""
    tokens: list[str] | None = None
    """One a row, as the tokenizer's vocabulary has them; None where rows are no tokens."""
    left_out: int = 0
    """Tokens beyond the context, which the network did not see."""
    problem: str = ""
    """Why it has no rows; "" where it has."""


class Shard(BaseModel):
    """How much is in a shard."""

    rows: int
    """Rows of its array."""
    samples: int
    """Lines of its table."""


class Manifest(BaseModel):
    """What made a folder of activations, and how far it is."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["activations 1"] = "activations 1"
    """Of this folder."""
    backbone: str
    """timm:NAME, torchvision:NAME, hf:NAME or file.py:function."""
    weights: str
    """SHA-256 over the names and values of its tensors."""
    code: str = ""
    """SHA-256 of the files of a function's code; "" for a library's network, whose version says it."""
    layer: str
    """The module whose output this is."""
    pool: str
    """cls, mean, last or none."""
    preprocessing: dict[str, Any]
    """What is done to an image or a text before the network."""
    inputs: str
    """Path or name of the inputs."""
    inputs_checksum: str
    """SHA-256 of their content."""
    limit: int | None = None
    """Samples that were asked for, evenly spread; None: all."""
    dtype: Literal["float16", "float32"]
    """Of the arrays."""
    row: Row
    """What a row is of."""
    width: int
    """D, the length of a row."""
    output_shape: list[int]
    """What the layer returns for the first sample, before pooling."""
    class_names: list[str]
    """The class of label 0, 1, ..."""
    categories: list[str] | None = None
    """One a class, where the inputs have them."""
    splits: dict[str, int]
    """Samples of each split, in their order, where the inputs have splits; empty otherwise."""
    samples: int
    """How many there are to be."""
    batch_size: int
    """Samples at a time. Sums are rounded otherwise with another."""
    versions: dict[str, str]
    """Of this package, Python and the libraries, and the device."""
    shards: list[Shard] = []
    """Those that are written."""
    complete: bool = False
    """Whether everything is."""


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where it has none. BenchError where it is damaged or of another version."""
    file = folder / MANIFEST
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, ValueError) as error:
        raise BenchError(
            f"'{file}' is no manifest of activations of this version ({first_line(str(error))}); extract them again."
        ) from error


def shard_name(number: int, end: str = ".npy") -> str:
    """'shard-00012.npy'."""
    return f"shard-{number:05}{end}"


def samples_in(folder: Path, manifest: Manifest) -> Iterator[Sample]:
    """The samples of the shards that are written, in their order. BenchError where a table is damaged."""
    for number, shard in enumerate(manifest.shards):
        file = folder / shard_name(number, ".jsonl")
        try:
            with file.open("rb") as lines:
                samples = [Sample.model_validate_json(line) for line in lines]
        except (OSError, ValueError) as error:
            raise BenchError(f"'{file}' cannot be read: {first_line(str(error))}. Extract again.") from error
        if len(samples) != shard.samples or sum(sample.rows for sample in samples) != shard.rows:
            raise BenchError(f"'{file}' is not what '{folder / MANIFEST}' says; extract again.")
        yield from samples


def read_extracted(folder: Path, manifest: Manifest) -> dict[str, Samples]:
    """The rows of a folder, by split; "all" where the inputs had none. The rows of one sample are a group.

    Rows stay in their files. They are called by their token, else by their sample, where they are not too many.

    Raises
    ------
    BenchError
        The extraction has not ended, or a file is missing, cut short or of another shape.
    """
    if not manifest.complete:
        done = sum(shard.samples for shard in manifest.shards)
        raise BenchError(
            f"'{folder}' has {done:,} of {manifest.samples:,} samples: its extraction has not ended. "
            "Issue the same `bench extract` again."
        )
    _require_all(folder, manifest)
    rows = sum(shard.rows for shard in manifest.shards)
    labels, sample, position = (_column(folder / f"{name}.npy", rows) for name in ("labels", "sample", "position"))
    x = concatenated([_shard(folder, manifest, number) for number in range(len(manifest.shards))])
    classes = tuple(manifest.class_names) or None
    categories = tuple(manifest.categories or ()) or None
    samples = samples_in(folder, manifest)
    named = (
        [word for each in samples for word in each.tokens or [each.name] * each.rows] if rows <= MOST_NAMED else None
    )
    parts = {}
    for split, (first, end) in _bounds(manifest.splits, sample).items():
        own = slice(first, end)
        known = labels[own] if classes else None
        words = tuple(named[own]) if named else None
        parts[split] = Samples(x.between(first, end), known, classes, categories, words, sample[own], position[own])
    return parts


def pictures_of(manifest: Manifest) -> Callable[[str], np.ndarray] | None:
    """The name of a sample -> a small picture of it, where the inputs are a folder of images that is still there."""
    folder = Path(manifest.inputs)
    return partial(small_picture, folder) if manifest.row != "token" and folder.is_dir() else None


def _require_all(folder: Path, manifest: Manifest) -> None:
    """BenchError where a manifest promises other samples than its shards have, or divides them otherwise."""
    held, splits = sum(shard.samples for shard in manifest.shards), manifest.splits
    if held != manifest.samples or (splits and (sum(splits.values()) != held or min(splits.values()) < 0)):
        parts = f", in splits {splits}" if splits else ""
        raise BenchError(
            f"'{folder / MANIFEST}' promises {manifest.samples:,} samples{parts}, and its shards have {held:,}: it was "
            "edited. Extract again."
        )


def _bounds(splits: Mapping[str, int], sample: np.ndarray) -> dict[str, tuple[int, int]]:
    """The first row of each split that has any, and the one behind its last."""
    if not splits:
        return {"all": (0, len(sample))}
    ends = np.searchsorted(sample, np.cumsum(list(splits.values())))
    bounds = zip(splits, zip([0, *ends[:-1]], ends, strict=True), strict=True)
    return {split: (first, end) for split, (first, end) in bounds if first < end}


def _shard(folder: Path, manifest: Manifest, number: int) -> Rows:
    """The rows of a shard, which stay in their file."""
    file, shape = folder / shard_name(number), (manifest.shards[number].rows, manifest.width)
    rows: Rows | None = _read(file, npy_rows)
    if rows is None or rows.shape != shape or rows.dtype != getattr(torch, manifest.dtype):
        held = "no rows of numbers" if rows is None else f"{rows.dtype} {rows.shape}".removeprefix("torch.")
        raise BenchError(f"'{file}' holds {held}, expected {manifest.dtype} {shape}. Extract again.")
    return rows


def _column(file: Path, rows: int) -> np.ndarray:
    array: np.ndarray = _read(file, partial(np.load, allow_pickle=False))
    if array.shape != (rows,) or array.dtype != "int64":
        raise BenchError(f"'{file}' holds {array.dtype} {array.shape}, expected int64 {(rows,)}. Extract again.")
    return array


def _read(file: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(file)
    except (OSError, ValueError, EOFError) as error:
        raise BenchError(f"'{file}' cannot be read: {first_line(str(error))}. Extract again.") from error
