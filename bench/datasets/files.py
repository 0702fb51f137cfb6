"""Your own data, named by its path: a file of arrays, a table, a folder of either, or a folder of images."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from bench.datasets import patches
from bench.datasets.base import Dataset, DatasetSource, Split
from bench.datasets.beside import companions
from bench.datasets.contents import content_of
from bench.datasets.conversion import WIDE, require_precise
from bench.datasets.embedded import embedded
from bench.datasets.extracted import pictures_of, read_extracted, read_manifest
from bench.datasets.image_folder import images_in, read_images
from bench.datasets.larger import IN_MEMORY, larger_dataset
from bench.datasets.moments import require_finite
from bench.datasets.normalising import normalised
from bench.datasets.place import Place
from bench.datasets.readers import READERS, SPLITS, Samples, class_name, completed, read_samples, require_table
from bench.datasets.saved import is_saved
from bench.datasets.splitting import stratified
from bench.datasets.stored import Rows, concatenated
from bench.datasets.stream import Stream, as_float_rows
from bench.errors import BenchError

VERSION, VERSION_LARGER = "files 1", "larger files 1"
"""Of how files become splits, and how those larger than memory become batches; part of the checksum."""

TRIED = 20_000
"""Rows that are looked at, evenly spaced, for whether float32 can hold them."""
FAIR = 5
"""Samples of a class, on average, at the least: labels of more values are no classes."""
FEW_CLASSES = 10
"""Values that may be classes of however few samples."""

Part = TypeVar("Part", Split, Stream)
"""A split, in memory or on disk."""


@dataclass(frozen=True)
class FileSource(DatasetSource):
    """The data set in a file or a folder.

    Splits are those that the data name; where there is none, they are made 80 / 10 / 10, alike in each class.
    """

    place: Place
    """Where it is, and how it is read."""
    in_memory: int = IN_MEMORY
    """Numbers that it has at most where it is read at once; of more, batches are read when they are needed."""

    def checksum(self, data_dir: Path) -> str:
        require_table(self.place.path, self.place.options.get("labels"))
        version = VERSION
        if self._bytes() > self.in_memory:  # what cannot be read is refused before all of it is
            version = VERSION_LARGER if self._is_larger(self._read()) else VERSION
        options = dict(self.place.options)
        try:
            contents = [content_of(path) for path in (self.place.path, *companions(self.place.path))]
            if self.place.embedding:
                options["embedding"] = content_of(self.place.embedding)
        except OSError as error:
            raise BenchError(f"'{self.place.path}' cannot be read: {error}.") from error
        version = f"{version}, {patches.VERSION}" if "patches" in self.place.options else version
        words = [version, *contents, *(f"{key}={value}" for key, value in sorted(options.items()))]
        return hashlib.sha256("\n".join(words).encode()).hexdigest()

    def load(self, data_dir: Path) -> Dataset:
        if "patches" in self.place.options:
            cut = patches.read_patches(self.place.path, int(self.place.options["patches"]))
            return normalised(cut, self.place.options.get("normalise", "none"))
        parts, manifest = self._read(), read_manifest(self.place.path) if self.place.path.is_dir() else None
        how = self.place.options.get("normalise", "rms" if manifest else "auto")
        sizes = {tuple(part.x.shape[1:]) for part in parts.values()}
        if len(sizes) > 1:
            raise BenchError(f"'{self.place.path}' has splits of unlike shapes: {', '.join(map(str, sizes))}.")
        if not math.prod(next(iter(sizes))):
            raise BenchError(f"'{self.place.path}' has samples of no numbers, of the shape {next(iter(sizes))}.")
        for part in parts.values():
            if part.x.dtype in WIDE:
                require_precise(_some(part.x), part.feature_names)
        codes, names = _coded(self.place, parts)
        groups = {name: part.groups for name, part in parts.items()}
        categories = next((part.categories for part in parts.values() if part.categories), None)
        shape = next(iter(sizes)) or (1,)
        if self._is_larger(parts):
            if self.place.embedding:
                raise BenchError(f"'{self.place.path}' is larger than memory: its embedding is not read; leave it out.")
            streams = {name: _stream(part, codes[name]) for name, part in parts.items()}
            three = _three(self.place.path, streams, groups)
            return replace(larger_dataset(three, shape, names, how, self.checksum(data_dir)), categories=categories)
        splits = {
            name: Split(_inputs(part.x, self.place.path), codes[name], _factors(part), part.names)
            for name, part in parts.items()
        }
        dataset = Dataset(*_three(self.place.path, splits, groups), shape, names, categories)
        columns = next(iter(parts.values())).feature_names
        picture = pictures_of(manifest) if manifest else None
        return normalised(replace(dataset, feature_names=columns, picture=picture), how)

    def _read(self) -> dict[str, Samples]:
        path, other = self.place.path, self.place.embedding
        labels, matrix = (self.place.options.get("labels"), self.place.matrix)
        parts = read_samples(path, labels, matrix) if matrix else _read(path, labels)
        return embedded(parts, path, _read(other, None), other) if other else parts

    def _bytes(self) -> int:
        """Of the files that may be too large to be read at once."""
        path = self.place.path
        files = path.rglob("*") if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files if file.suffix in (".npy", ".safetensors") and file.is_file())

    def _is_larger(self, parts: Mapping[str, Samples]) -> bool:
        rows = [part.x for part in parts.values()]
        return all(isinstance(x, Rows) for x in rows) and sum(math.prod(x.shape) for x in rows) > self.in_memory


def _stream(part: Samples, labels: Tensor) -> Stream:
    assert isinstance(part.x, Rows)
    return Stream(part.x, labels, torch.arange(len(part.x)), _factors(part))


def _read(path: Path, labels: str | None) -> dict[str, Samples]:
    """The samples of a file or folder, by split; "all" where there is none."""
    if not path.is_dir():
        return read_samples(path, labels)
    if manifest := read_manifest(path):
        return read_extracted(path, manifest)
    return completed(_by_split(path, labels) or {"all": _whole(path, labels)}, path)


def _by_split(folder: Path, labels: str | None) -> dict[str, Samples]:
    """The samples of folders or files that are called train, validation (val, valid) and test."""
    found = {}
    for split, words in SPLITS.items():
        for path in (*(folder / word for word in words), *(folder / f"{w}{end}" for w in words for end in READERS)):
            if path.is_dir():
                found[split] = _whole(path, labels)
            elif path.is_file():
                found[split] = _single(path, labels)
    return found


def _whole(folder: Path, labels: str | None) -> Samples:
    """All samples of a folder: images, or files of arrays one after the other in the order of their names."""
    if is_saved(folder):
        return _single(folder, labels)
    if images_in(folder):
        return read_images(folder)
    files = sorted(f for f in folder.iterdir() if f.suffix in READERS and not f.name.endswith(".labels.npy"))
    if not files:
        raise BenchError(f"'{folder}' holds no images and no files that end in {', '.join(READERS)}.")
    parts = [_single(file, labels) for file in files]
    forms = [_form(part) for part in parts]
    odd = next((i for i, form in enumerate(forms) if form != forms[0]), None)
    if odd is not None:
        raise BenchError(
            f"The files of '{folder}' are not alike: '{files[0].name}' has {forms[0]}, '{files[odd].name}' "
            f"{forms[odd]}. Save all in one type and shape, with labels or without."
        )
    known = [part.labels for part in parts if part.labels is not None]
    names = [part.names for part in parts if part.names is not None]
    rows = [part.x for part in parts if isinstance(part.x, Rows)]
    return Samples(
        concatenated(rows) if len(rows) == len(parts) else torch.cat([_loaded(part.x) for part in parts]),
        np.concatenate(known) if known else None,
        parts[0].class_names,
        parts[0].categories,
        tuple(chain(*names)) if len(names) == len(parts) else None,
    )


def _form(part: Samples) -> str:
    """'float16 (N, 768) and labels'."""
    sizes = ", ".join(["N", *map(str, part.x.shape[1:])])
    return f"{str(part.x.dtype).removeprefix('torch.')} ({sizes}) {'without' if part.labels is None else 'and'} labels"


def _single(file: Path, labels: str | None) -> Samples:
    parts = read_samples(file, labels)
    if set(parts) != {"all"}:
        raise BenchError(f"'{file}' has splits of its own ({', '.join(parts)}); name that file alone.")
    return parts["all"]


def _coded(place: Place, parts: Mapping[str, Samples]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The labels of each split as 0, 1, ... (-1 for none), and the names of the classes."""
    path = place.path
    for name, part in parts.items():
        if part.labels is not None and part.labels.shape != (len(part.x),):
            raise BenchError(
                f"'{path}' has labels of shape {part.labels.shape} for {len(part.x)} samples ({name}); one a sample."
            )
    names = next((part.class_names for part in parts.values() if part.class_names), None)
    known = [part.labels for part in parts.values() if part.labels is not None]
    if not names:
        _require_classes(place, known)
    words = list(names) if names else _classes(known)
    return {name: _codes(path, part, words, bool(names)) for name, part in parts.items()}, tuple(words)


def _factors(part: Samples) -> dict[str, Tensor]:
    """Of rows that are tokens or patches, of what text or image, and where in it."""
    known = {"group": part.groups, "position": part.positions}
    found = {name: torch.from_numpy(np.array(values)) for name, values in known.items() if values is not None}
    if part.embedding is not None:
        found["embedding"] = as_float_rows(_loaded(part.embedding))
        if (bad := (~found["embedding"].isfinite()).any(1).nonzero()).numel():
            raise BenchError(f"The embedding of row {int(bad[0])} has NaN or infinities; leave embedding= out.")
    return found


def _require_classes(place: Place, labels: list[np.ndarray]) -> None:
    """BenchError for labels that are no classes: parts of numbers, or nearly as many values as samples."""
    what = f"'{place.options.get('labels', 'labels')}' of '{place.path}'"
    remedy = "name a column of classes, or leave labels out"
    known = [part[~_missing(part)] for part in labels]
    values = {value for part in known for value in np.unique(part).tolist()}
    n = sum(map(len, known))
    numbers = all(isinstance(value, int | float) for value in values)
    if len(values) > max(n / FAIR, FEW_CLASSES):
        words = "looks continuous" if numbers else "looks like names of samples"
        raise BenchError(f"{what} {words} ({len(values):,} values in {n:,} samples); {remedy}.")
    if numbers and (parts := sorted(value for value in values if value % 1)):
        raise BenchError(f"{what} has {parts[0]:g}, and classes are whole numbers or words; {remedy}.")


def _classes(labels: list[np.ndarray]) -> list[str]:
    """The labels that occur, in their order: numbers as numbers; negative, empty and missing ones are no class."""
    values = {value for part in labels for value in np.unique(part[~_missing(part)]).tolist()}
    return [class_name(value) for value in sorted(values)]


def _missing(labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind in "biuf":
        return np.isnan(labels) | (labels < 0) if labels.dtype.kind == "f" else labels < 0
    return np.array([value is None or value != value or str(value) == "" for value in labels.tolist()], bool)


def _codes(path: Path, part: Samples, words: list[str], numbered: bool) -> Tensor:
    """Labels as positions in the list of classes: they are that already where the data name their classes."""
    if part.labels is None:
        return torch.full((len(part.x),), -1)
    missing = _missing(part.labels)
    places = {word: place for place, word in enumerate(words)}
    if numbered and part.labels.dtype.kind in "iu":
        if (part.labels >= len(words)).any():
            raise BenchError(
                f"'{path}' has label {part.labels.max()}, and names {len(words)} classes, 0 to {len(words) - 1}."
            )
        codes = part.labels
    else:
        values, which = np.unique(part.labels[~missing], return_inverse=True)
        known = [class_name(value) for value in values.tolist()]
        if strange := [word for word in known if word not in places]:
            raise BenchError(f"'{path}' has the label '{strange[0]:.80}', which is not among its classes {words[:20]}.")
        codes = np.full(len(missing), -1)
        codes[~missing] = np.array([places[word] for word in known], np.int64)[which]
    return torch.from_numpy(np.where(missing, -1, codes).astype(np.int64))


def _some(x: Tensor | Rows) -> Tensor:
    """Rows (n, D) that are evenly spaced, as they are stored."""
    rows = torch.arange(0, len(x), max(1, len(x) // TRIED))
    return (x.take(rows) if isinstance(x, Rows) else x[rows]).reshape(len(rows), -1)


def _loaded(x: Tensor | Rows) -> Tensor:
    return x.read() if isinstance(x, Rows) else x


def _inputs(x: Tensor | Rows, path: Path) -> Tensor:
    """(N, D) float32; bytes of images are scaled into [0, 1]. BenchError for NaN and infinities."""
    inputs = as_float_rows(_loaded(x))
    require_finite(inputs, x.place if isinstance(x, Rows) else lambda row: (path, row))
    return inputs


def _three(path: Path, splits: Mapping[str, Part], groups: Mapping[str, np.ndarray | None]) -> tuple[Part, Part, Part]:
    """Training, validation and test split: as given; what is missing is taken from the training split."""
    if "all" in splits:
        whole = splits["all"]
        train, validation, test = (whole.take(part) for part in stratified(whole.labels, groups=groups["all"]))
        if not (len(validation) and len(test)):
            raise BenchError(
                f"'{path}' would be split into {len(train)} / {len(validation)} / {len(test)} samples: of each class, "
                "and of the texts or images that rows are of, a tenth is for validation and a tenth for test, none of "
                "fewer than six. Give more, labels that are classes, or splits of your own."
            )
        return train, validation, test
    if "train" not in splits or "test" not in splits:
        raise BenchError(
            f"'{path}' has the splits {', '.join(splits)}; train and test are needed, or no splits at all."
        )
    if "validation" in splits:
        return splits["train"], splits["validation"], splits["test"]
    train, validation = (splits["train"].take(part) for part in stratified(splits["train"].labels, 1, groups["train"]))
    return train, validation, splits["test"]
