"""Your own data, named by its path: a file of arrays, a table, a folder of either, or a folder of images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.datasets import patches
from bench.datasets.base import Dataset, DatasetSource, Split
from bench.datasets.beside import companions
from bench.datasets.contents import content_of
from bench.datasets.extracted import read_extracted, read_manifest
from bench.datasets.image_folder import images_in, read_images
from bench.datasets.normalising import normalised
from bench.datasets.place import Place
from bench.datasets.readers import READERS, SPLITS, Samples, completed, read_samples
from bench.datasets.saved import is_saved
from bench.datasets.splitting import stratified
from bench.errors import BenchError

VERSION = "files 1"
"""Of how files become splits; part of the checksum."""


@dataclass(frozen=True)
class FileSource(DatasetSource):
    """The data set in a file or a folder.

    Splits are those that the data name; where there is none, they are made 80 / 10 / 10, alike in each class.
    """

    place: Place
    """Where it is, and how it is read."""

    def checksum(self, data_dir: Path) -> str:
        try:
            contents = [content_of(path) for path in (self.place.path, *companions(self.place.path))]
        except OSError as error:
            raise BenchError(f"'{self.place.path}' cannot be read: {error}.") from error
        version = f"{VERSION}, {patches.VERSION}" if "patches" in self.place.options else VERSION
        words = [version, *contents, *(f"{key}={value}" for key, value in sorted(self.place.options.items()))]
        return hashlib.sha256("\n".join(words).encode()).hexdigest()

    def load(self, data_dir: Path) -> Dataset:
        if "patches" in self.place.options:
            cut = patches.read_patches(self.place.path, int(self.place.options["patches"]))
            return normalised(cut, self.place.options.get("normalise", "none"))
        parts = _read(self.place.path, self.place.options.get("labels"))
        sizes = {tuple(part.x.shape[1:]) for part in parts.values()}
        if len(sizes) > 1:
            raise BenchError(f"'{self.place.path}' has splits of unlike shapes: {', '.join(map(str, sizes))}.")
        splits, names = _labelled(self.place.path, parts)
        groups = {name: part.groups for name, part in parts.items()}
        train, validation, test = _three(self.place.path, splits, groups)
        categories = next((part.categories for part in parts.values() if part.categories), None)
        dataset = Dataset(train, validation, test, next(iter(sizes)) or (1,), names, categories)
        return normalised(dataset, self.place.options.get("normalise", "auto"))


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
    shapes = {tuple(part.x.shape[1:]) for part in parts}
    if len(shapes) > 1 or len({part.labels is None for part in parts}) > 1:
        raise BenchError(f"The files of '{folder}' are not alike: each needs the same shape, and labels or none.")
    known = [part.labels for part in parts if part.labels is not None]
    names = [part.names for part in parts if part.names is not None]
    return Samples(
        torch.cat([part.x for part in parts]),
        np.concatenate(known) if known else None,
        parts[0].class_names,
        parts[0].categories,
        tuple(chain(*names)) if len(names) == len(parts) else None,
    )


def _single(file: Path, labels: str | None) -> Samples:
    parts = read_samples(file, labels)
    if set(parts) != {"all"}:
        raise BenchError(f"'{file}' has splits of its own ({', '.join(parts)}); name that file alone.")
    return parts["all"]


def _labelled(path: Path, parts: Mapping[str, Samples]) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Splits of float32 inputs with labels 0, 1, ... (-1 for none), and the names of the classes."""
    for name, part in parts.items():
        if part.labels is not None and part.labels.shape != (len(part.x),):
            raise BenchError(
                f"'{path}' has labels of shape {part.labels.shape} for {len(part.x)} samples ({name}); one a sample."
            )
    names = next((part.class_names for part in parts.values() if part.class_names), None)
    known = [part.labels for part in parts.values() if part.labels is not None]
    words = list(names) if names else _classes(known)
    splits = {
        name: Split(_inputs(part.x), _codes(path, part, words, bool(names)), names=part.names)
        for name, part in parts.items()
    }
    return splits, tuple(words)


def _classes(labels: list[np.ndarray]) -> list[str]:
    """The labels that occur, in their order: numbers as numbers; negative, empty and missing ones are no class."""
    values = {value for part in labels for value in np.unique(part[~_missing(part)]).tolist()}
    return [_word(value) for value in sorted(values)]


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


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
        known = [_word(value) for value in part.labels[~missing].tolist()]
        if strange := [word for word in known if word not in places]:
            raise BenchError(f"'{path}' has the label '{strange[0]:.80}', which is not among its classes {words[:20]}.")
        codes = np.full(len(missing), -1)
        codes[~missing] = [places[word] for word in known]
    return torch.from_numpy(np.where(missing, -1, codes).astype(np.int64))


def _inputs(x: Tensor) -> Tensor:
    """(N, D) float32; bytes of images are scaled into [0, 1]."""
    scale = 255 if x.dtype == torch.uint8 and x.dim() > 2 else 1
    return x.reshape(len(x), -1).float() / scale


def _three(
    path: Path, splits: Mapping[str, Split], groups: Mapping[str, np.ndarray | None]
) -> tuple[Split, Split, Split]:
    """Training, validation and test split: as given; what is missing is taken from the training split."""
    if "all" in splits:
        whole = splits["all"]
        train, validation, test = (whole.take(part) for part in stratified(whole.labels, groups=groups["all"]))
        return train, validation, test
    if "train" not in splits or "test" not in splits:
        raise BenchError(
            f"'{path}' has the splits {', '.join(splits)}; train and test are needed, or no splits at all."
        )
    if "validation" in splits:
        return splits["train"], splits["validation"], splits["test"]
    train, validation = (splits["train"].take(part) for part in stratified(splits["train"].labels, 1, groups["train"]))
    return train, validation, splits["test"]
