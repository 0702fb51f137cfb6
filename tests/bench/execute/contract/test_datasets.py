"""The contract of a data set: each check, with a data set that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.execute.contract import check_object, datasets
from tests.bench.execute.contract.plugins import DATASET, masked, problems, subclass, whats

BROKEN: list[tuple[str, dict[Callable[..., str | None], str]]] = [
    (
        """
        def __init__(self, path):
            self.path = path
        """,
        {
            datasets.makes: (
                "The data set 'FOLDER/mine.py:Mine' cannot be made: Mine.__init__() missing 1 required "
                "positional argument: 'path'."
            ),
        },
    ),
    (
        """
        def checksum(self, data_dir):
            return None
        """,
        {
            datasets.has_a_checksum: ("checksum() returns None; expected a string that identifies content and splits."),
        },
    ),
    (
        """
        n = 0
        def checksum(self, data_dir):
            Mine.n += 1
            return f'mine {self.n}'
        """,
        {
            datasets.has_a_checksum: (
                "checksum() returns 'mine 1' and then 'mine 2': every command would begin all runs again."
            ),
        },
    ),
    (
        """
        def load(self, data_dir):
            return torch.load(data_dir / 'absent.pt')
        """,
        {
            datasets.loads: (
                "FileNotFoundError: [Errno 2] No such file or directory: 'data/absent.pt' (line 28 of mine.py)"
            ),
        },
    ),
    (
        """
        def load(self, data_dir):
            from bench.errors import BenchError
            raise BenchError('No file mine.npz; put it there.')
        """,
        {
            datasets.loads: "No file mine.npz; put it there.",
        },
    ),
    (
        """
        def load(self, data_dir):
            return super().load(data_dir), 3
        """,
        {
            datasets.loads: "load() returns tuple; expected bench.datasets.base.Dataset.",
        },
    ),
    (
        """
        def split(self, seed, n):
            return torch.rand(n, 6)
        """,
        {
            datasets.loads: "train is Tensor; expected bench.datasets.base.Split.",
        },
    ),
    (
        """
        sizes = (30, 0, 12)
        """,
        {
            datasets.has_inputs: (
                "validation.x has 0 samples of 6 columns; give two samples or more, of one column or more."
            ),
        },
    ),
    (
        """
        def split(self, seed, n):
            found = split(seed, n)
            return Split(found.x.reshape(-1, 2, 3), found.labels)
        """,
        {
            datasets.loads: (
                "DataError: x has the shape (30, 2, 3); expected (N, D): flatten it, x.reshape(len(x), -1). (line 29 "
                "of mine.py)"
            ),
        },
    ),
    (
        """
        def split(self, seed, n):
            found = split(seed, n)
            found.x[3, 2] = torch.nan
            return found
        """,
        {
            datasets.has_inputs: (
                "train.x has nan at row 3, column 2 (1 such value); leave such samples out, or fill in a value."
            ),
        },
    ),
    (
        """
        def split(self, seed, n):
            found = split(seed, n)
            return Split(found.x[:, :5], found.labels) if seed == 2 else found
        """,
        {
            datasets.has_one_size: "D differs: 6 in train, 6 in validation, 5 in test.",
        },
    ),
    (
        """
        def load(self, data_dir):
            found = super().load(data_dir)
            return Dataset(found.train, found.validation, found.test, (3, 3), found.class_names)
        """,
        {
            datasets.has_one_size: "image_shape (3, 3) has 9 pixels; D is 6.",
        },
    ),
    (
        """
        def load(self, data_dir):
            found = super().load(data_dir)
            return Dataset(found.train, found.validation, found.test, (2, 3), ('a', 'b'))
        """,
        {
            datasets.names_classes: (
                "2 class names for labels up to 2 (at row 2 of train); give 3, in the order of the labels."
            ),
        },
    ),
    (
        """
        def load(self, data_dir):
            found = super().load(data_dir)
            return Dataset(found.train, found.validation, found.test, (2, 3), ('a', 'b', 'c'), ('x', 'y'))
        """,
        {
            datasets.names_classes: "2 categories for 3 classes; give one for each class.",
        },
    ),
    (
        """
        def split(self, seed, n):
            found = split(seed, n)
            return Split(found.x, found.labels[1:])
        """,
        {
            datasets.loads: (
                "DataError: labels has 29 rows for 30 samples of x; give one for each. (line 29 of mine.py)"
            ),
        },
    ),
    (
        """
        def split(self, seed, n):
            found = split(seed, n)
            return Split(found.x, found.labels, {'gates': [True] * n})
        """,
        {
            datasets.knows_factors: "train.factors['gates'] is list; expected a tensor of 30 rows.",
        },
    ),
    (
        """
        def split(self, seed, n):
            found = split(seed, n)
            return Split(found.x, found.labels, {'gates': found.x > 0.5} if seed else {})
        """,
        {
            datasets.knows_factors: ("train has the factors [] and validation has ['gates']; give each the same."),
        },
    ),
    (
        """
        def split(self, seed, n):  # rows are of texts, all of which begin alike
            found = split(seed, n)
            found.x[::3] = 0.5 + torch.arange(6) / 20
            return Split(found.x, found.labels, {'group': torch.arange(n) // 3})
        """,
        {},
    ),
    (
        """
        def split(self, seed, n):
            Mine.n = getattr(Mine, 'n', 0) + 1
            return split(self.n, n)
        """,
        {
            datasets.loads_again: "train.x differs from load to load: seed what is drawn or shuffled.",
        },
    ),
    (
        """
        def split(self, seed, n):
            found = split(seed, n)
            if seed == 2:
                found.x[1:6] = split(0, 30).x[20:25]
            return found
        """,
        {
            datasets.has_separate_splits: (
                "5 of 12 samples of test are in train too: train 20 = test 1, train 21 = test 2, train 22 = test "
                "3 and 2 more."
            ),
        },
    ),
]
"""What is added to a sound data set, and what each check then says."""


@pytest.mark.parametrize(("body", "expected"), BROKEN)
def test_what_is_wrong_is_said_by_the_check_that_looks_for_it(
    body: str, expected: dict[Callable[..., str | None], str], tmp_path: Path
) -> None:
    found = masked(problems(subclass(tmp_path, DATASET, body)))
    assert {what: problem.replace(str(tmp_path), "FOLDER") for what, problem in found.items()} == whats(expected)


UNLABELLED = """
def split(self, seed, n):
    return Split(split(seed, n).x, torch.full((n,), -1))

def load(self, data_dir):
    train, validation, test = (self.split(seed, n) for seed, n in enumerate(self.sizes))
    return Dataset(train, validation, test, (6,), ())
"""

BLANKS = """
def split(self, seed, n):
    found = split(seed, n)
    found.x[0] = 0.5
    return Split(found.x, found.labels, {"gates": found.x > 0.5})
"""


@pytest.mark.parametrize("body", ["", UNLABELLED, BLANKS])
def test_a_sound_data_set_passes(body: str, tmp_path: Path) -> None:
    assert problems(subclass(tmp_path, DATASET, body)) == {}


def test_every_check_has_a_data_set_that_breaks_it(tmp_path: Path) -> None:
    tried = {outcome.what for outcome in check_object(subclass(tmp_path, DATASET, BLANKS), Path("data"))}
    assert tried == {what for _, expected in BROKEN for what in whats(expected)}


def test_digits_pass() -> None:
    assert problems("digits") == {}
