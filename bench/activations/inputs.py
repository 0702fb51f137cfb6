"""What is put through a backbone: a folder of images, a table of texts, a running text, or a data set by its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.activations.preparing import Tokens
from bench.datasets.contents import content_of
from bench.datasets.image_folder import images_in
from bench.datasets.pictures import opened
from bench.datasets.readers import LABELS, SPLITS, class_name
from bench.errors import BenchError, first_line
from bench.plugins.loading import dataset_checksum, load_dataset
from bench.plugins.registry import DATASET_REGISTRY
from bench.store.files import expanded

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

TABLES = (".csv", ".jsonl")
"""Extensions of tables of texts."""


@dataclass(frozen=True)
class Inputs:
    """Samples in their order: split after split, where there are splits."""

    items: Sequence[Any]
    """What `read` takes."""
    names: Sequence[str]
    """The path, the text or the number of each."""
    labels: np.ndarray
    """Classes (N,), int64; -1 for none."""
    checksum: str
    """SHA-256 of the content."""
    read: Callable[[Any], Any]
    """From an item to an image, a text or the numbers of its tokens. OSError where an image does not open."""
    class_names: Sequence[str] = ()
    """The class of label 0, 1, ..."""
    categories: Sequence[str] | None = None
    """One a class, where they are known."""
    splits: dict[str, int] = field(default_factory=dict)
    """Samples of each split; empty where there is none."""

    def __len__(self) -> int:
        return len(self.items)

    def spread(self, n: int | None) -> Inputs:
        """n of the samples, evenly spread, so that classes and splits keep their shares; all where n is None."""
        if n is None or n >= len(self):
            return self
        return self.take(np.linspace(0, len(self), n, endpoint=False).astype(int))

    def take(self, chosen: np.ndarray) -> Inputs:
        """The samples at some indices, which rise."""
        edges = np.searchsorted(chosen, np.cumsum([0, *self.splits.values()]))
        return replace(
            self,
            items=[self.items[i] for i in chosen],
            names=[self.names[i] for i in chosen],
            labels=self.labels[chosen],
            splits=dict(zip(self.splits, np.diff(edges).tolist(), strict=True)),
        )


def read_inputs(reference: str, data_dir: Path, tokens: Tokens | None) -> Inputs:
    """The samples that a path or a name means; `tokens` is how a backbone of texts takes them, None for one of images.

    Raises
    ------
    BenchError
        There is no such file or data set, it holds nothing that the backbone takes, or a text is empty.
    """
    path = expanded(Path(reference))
    if path.suffix in (*TABLES, ".txt"):
        if not path.is_file():
            raise BenchError(f"There is no file '{path}' for --inputs; give its path from here.")
        if tokens is None:
            raise BenchError(f"'{path}' holds texts, and the backbone takes images; name a folder of images.")
        return _running(path, tokens) if path.suffix == ".txt" else _table(path)
    if tokens is not None:
        raise BenchError(
            f"The backbone takes texts; --inputs '{reference}' is none. Name a .txt, or a .csv or .jsonl with a column "
            "text (and label, category, split)."
        )
    return _images(path) if path.is_dir() else _dataset(reference, data_dir)


def _images(folder: Path) -> Inputs:
    """The images of a folder, a subfolder a class, below folders of splits where there are those."""
    parts = {split: [folder / word for word in words if (folder / word).is_dir()] for split, words in SPLITS.items()}
    roots = {split: found[0] for split, found in parts.items() if found} or {"all": folder}
    files = {split: images_in(root) for split, root in roots.items()}
    every = [file for found in files.values() for file in found]
    if not every:
        raise BenchError(f"'{folder}' holds no images; a subfolder is a class, below train and test where there are.")
    classes = [
        own.parts[0] if len(own.parts) > 1 else ""
        for split, found in files.items()
        for own in (file.relative_to(roots[split]) for file in found)
    ]
    labels, names = _numbered(classes)
    paths = [file.relative_to(folder).as_posix() for file in every]
    splits = {} if "all" in files else {split: len(found) for split, found in files.items()}
    return Inputs(every, paths, labels, content_of(folder), _open, names, splits=splits)


def _open(file: Path) -> Image:
    with opened(file) as image:
        image.load()
        return image


def _dataset(name: str, data_dir: Path) -> Inputs:
    """The images of a data set, as 8-bit pictures."""
    plugin = DATASET_REGISTRY.find(name)
    dataset = load_dataset(plugin, data_dir)
    shape = dataset.image_shape
    if len(shape) != 2 and not (len(shape) == 3 and 3 in (shape[0], shape[-1])):
        raise BenchError(f"--inputs '{name}': its samples have the shape {shape}, and are no images.")
    if any(part.x.min() < 0 or part.x.max() > 1 for part in dataset.splits.values()):
        raise BenchError(f"--inputs '{name}': images have pixels in [0, 1]; name the data set as it is.")
    splits = {split: len(part) for split, part in dataset.splits.items()}
    items = [row for part in dataset.splits.values() for row in part.x]
    labels = np.concatenate([part.labels.numpy() for part in dataset.splits.values()])
    names = [str(number) for number in range(len(items))]
    checksum = dataset_checksum(plugin, data_dir)

    def picture(row: Any) -> Image:
        from PIL import Image

        pixels = (row.reshape(shape) * 255).round().clamp(0, 255).byte().numpy()
        return Image.fromarray(pixels.transpose(1, 2, 0) if len(shape) == 3 and shape[0] == 3 else pixels)

    return Inputs(items, names, labels, checksum, picture, dataset.class_names, dataset.categories, splits)


def _table(path: Path) -> Inputs:
    """The texts of a table, with the columns text, and label, category and split where there are those."""
    import pandas as pd

    try:
        if path.suffix == ".csv":
            table = pd.read_csv(path, keep_default_na=False)  # "None" is a text
        else:
            with path.open(encoding="utf-8") as lines:
                table = pd.DataFrame([json.loads(line) for line in lines if line.strip()])
    except (OSError, ValueError) as error:
        raise BenchError(f"'{path}' cannot be read: {first_line(str(error))}.") from error
    if "text" not in table:
        raise BenchError(f"'{path}' has no column 'text'; it has {', '.join(map(str, table.columns[:20]))}.")
    texts = ["" if text is None or text != text else str(text) for text in table["text"]]
    if not texts:
        raise BenchError(f"'{path}' holds no texts.")
    if empty := next((row for row, text in enumerate(texts, 1) if not text.strip()), None):
        raise BenchError(f"'{path}' has an empty text, of sample {empty}; fill it, or leave the sample out.")
    column = next((name for name in LABELS if name in table), None)
    labels, names = _numbered(table[column].tolist() if column else [""] * len(texts))
    categories = _categories(path, table, labels, names) if "category" in table else None
    whole = Inputs(texts, texts, labels, content_of(path), str, names, categories)
    return _in_splits(path, whole, table["split"].tolist()) if "split" in table else whole


def _categories(path: Path, table: pd.DataFrame, labels: np.ndarray, names: Sequence[str]) -> list[str]:
    """The category of each class. BenchError where a class has several."""
    found: list[set[str]] = [set() for _ in names]
    for label, category in zip(labels, table["category"], strict=True):
        if label >= 0:
            found[label].add(str(category))
    if odd := next((name for name, own in zip(names, found, strict=True) if len(own) > 1), None):
        raise BenchError(f"'{path}' has class '{odd}' in several categories; each class belongs to one.")
    return [own.pop() for own in found]


def _in_splits(path: Path, whole: Inputs, words: Sequence[Any]) -> Inputs:
    """The samples split after split, by what a column says of each."""
    known = {word: split for split, all_words in SPLITS.items() for word in all_words}
    for number, word in enumerate(words, 1):
        if word not in known:
            has = f"the split '{word}'" if isinstance(word, str) and word else "no split"
            raise BenchError(f"'{path}' has {has} for sample {number}; valid: {', '.join(known)}.")
    places = np.array([list(SPLITS).index(known[word]) for word in words])
    order = places.argsort(kind="stable")
    texts = [whole.items[i] for i in order]
    splits = {split: int((places == place).sum()) for place, split in enumerate(SPLITS) if place in places}
    return replace(whole, items=texts, names=texts, labels=whole.labels[order], splits=splits)


def _running(path: Path, tokens: Tokens) -> Inputs:
    """A text file, cut into stretches as long as the context."""
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError as error:
        raise BenchError(f"'{path}' is no text in UTF-8: {error}.") from error
    if not text.strip():
        raise BenchError(f"'{path}' is empty; name a file with a text in it.")
    blocks = tokens.blocks(text)
    names = [f"{path.name} {number}" for number in range(len(blocks))]
    return Inputs(blocks, names, np.full(len(blocks), -1), content_of(path), lambda block: block)


def _numbered(words: Sequence[Any]) -> tuple[np.ndarray, list[str]]:
    """Labels as places in the sorted list of classes; -1 for a negative number, an empty label and a missing one."""
    import pandas as pd

    plain = [word if isinstance(word, int | float) or word is None else str(word) for word in words]
    none = [word == "" or (isinstance(word, int | float) and word < 0) for word in plain]
    column = pd.Categorical([None if missing else word for word, missing in zip(plain, none, strict=True)])
    return column.codes.astype(np.int64), [class_name(value) for value in column.categories]
