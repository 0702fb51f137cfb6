"""Data that no model can be trained on: refused when they are loaded, with the place and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.datasets.base import Dataset, Split
from bench.datasets.conversion import DataError
from bench.datasets.soundness import require_dataset
from bench.errors import BenchError
from bench.plugins.loading import load_dataset
from bench.plugins.plugin import Plugin


def sound() -> Dataset:
    """30, 10 and 12 samples of six values, of three classes."""
    generator = torch.Generator().manual_seed(0)
    parts = [Split(torch.rand(n, 6, generator=generator), torch.arange(n) % 3) for n in (30, 10, 12)]
    return Dataset(*parts, (2, 3), ("a", "b", "c"))


def changed(name: str, change: Callable[[Split], Split]) -> Dataset:
    """The same with one split changed."""
    dataset = sound()
    return replace(dataset, **{name: change(dataset.splits[name])})


def with_value(name: str, value: float) -> Dataset:
    """The same with a value at row 3, column 2 of a split."""

    def change(split: Split) -> Split:
        split.x[3, 2] = value
        return split

    return changed(name, change)


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (with_value("train", torch.nan), "train.x has nan at row 3, column 2 (1 such value)"),
        (with_value("validation", torch.inf), "validation.x has inf at row 3, column 2"),
        (with_value("test", -torch.inf), "test.x has -inf at row 3, column 2"),
        (with_value("test", -1e30), "test.x has -1e+30 at row 3, column 2 (1 such value), more than 1e+15; scale it"),
        (changed("test", lambda s: s.head(0)), "test.x has 0 samples of 6 columns; give two samples or more"),
        (changed("train", lambda s: s.head(1)), "train.x has 1 sample of 6 columns; give two samples or more"),
        (changed("train", lambda s: Split(s.x[:, :0], s.labels)), "train.x has 30 samples of 0 columns"),
        (changed("test", lambda s: Split(s.x * 0, s.labels)), "all 12 samples of test.x are the same"),
        (changed("test", lambda s: Split(s.x[:, :5], s.labels)), "D differs: 6 in train, 6 in validation, 5 in test."),
        (replace(sound(), image_shape=(3, 3)), "image_shape (3, 3) has 9 pixels; D is 6."),
        (replace(sound(), image_shape=(6, 0)), "image_shape is (6, 0); give the sizes before flattening, or (6,)."),
        (replace(sound(), image_shape=6), "image_shape is 6; give the sizes before flattening, or (6,)."),  # type: ignore[arg-type]
        (replace(sound(), class_names=()), "0 class names for labels up to 2 (at row 2 of train); give 3"),
        (changed("test", lambda s: Split(s.x, s.labels + 7)), "3 class names for labels up to 9 (at row 2 of test)"),
        (replace(sound(), class_names="abc"), "class_names is 'abc'; give a tuple of words"),  # type: ignore[arg-type]
        (replace(sound(), categories=("x",)), "1 categories for 3 classes; give one for each class."),
    ],
)
def test_a_flaw_is_named_with_its_place(dataset: Dataset, words: str) -> None:
    with pytest.raises(DataError) as caught:
        require_dataset(dataset)
    assert str(caught.value).startswith(words)


def test_constant_columns_unlabelled_samples_and_spare_names_are_sound() -> None:
    dataset = sound()
    dataset.train.x[:, 0] = 7
    dataset.test.labels[:] = -1
    assert require_dataset(dataset) is dataset
    names = tuple("0123456789")
    labels = torch.tensor([1, 5, 9]).repeat(10)
    few = replace(dataset, class_names=names, train=Split(dataset.train.x, labels))
    assert require_dataset(few) is few


LOADS = {
    "1 / 0": "does not load: ZeroDivisionError: division by zero. Try `bench check FILE:Mine`.",
    "3": "cannot be used: load() returns int; expected bench.datasets.base.Dataset.",
    "Dataset(*3 * [Split(torch.zeros(4, 2), None)], (2,), ())": "cannot be used: all 4 samples of train.x are the same",
    "Split(torch.zeros(4, 2), ['a'] * 4)": "cannot be used: labels has words, such as 'a'; number them",
}


@pytest.mark.parametrize("loaded", LOADS)
def test_a_data_set_that_cannot_be_used_is_one_message(loaded: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\nfrom bench.datasets.base import *\nclass Mine(DatasetSource):\n"
        f"    def checksum(self, data_dir): return '1'\n    def load(self, data_dir): return {loaded}\n",
        encoding="utf-8",
    )
    with pytest.raises(BenchError) as caught:
        load_dataset(Plugin("Mine", f"{file}:Mine", False), tmp_path)
    assert str(caught.value).startswith(f"The data set 'Mine' of {file} {LOADS[loaded].replace('FILE', str(file))}")
