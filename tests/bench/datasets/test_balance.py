"""What outweighs all else in a data set is said, and what is even is not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.datasets.balance import outweighed
from bench.datasets.files import FileSource
from bench.datasets.place import place_of
from bench.execute.contract import Outcome, check_object
from bench.store.runs import RunStore
from tests.bench.cli import helpers

N, D = 200, 8
X = np.random.default_rng(0).standard_normal((N, D))
EVEN = np.arange(N) % 4


def said(folder: Path, x: np.ndarray, labels: np.ndarray, how: str = "rms") -> list[str]:
    """What is told of a table with names of its samples."""
    table = pd.DataFrame(x, columns=[f"gene{i}" for i in range(x.shape[1])])
    table.assign(label=labels, name=[f"cell{i}" for i in range(len(x))]).to_csv(folder / "t.csv", index=False)
    place = place_of(f"{folder}/t.csv:normalise={how}")
    assert place
    return outweighed(FileSource(place).load(folder))


def test_of_even_data_nothing_is_said(tmp_path: Path) -> None:
    assert said(tmp_path, X, EVEN) == []
    assert said(tmp_path, X[:, :1], EVEN) == [], "one column has all there is"


def test_one_sample_or_one_column_with_most_of_the_deviation_is_named(tmp_path: Path) -> None:
    huge, mixed = X.copy(), X * [1, 1, 1, 50, 1, 1, 1, 1]
    huge[0, 2] = 2e6
    (words,) = said(tmp_path, huge, EVEN)
    assert words.startswith("sample 0 ('cell0') of the training split, from 0, has 9")
    assert "with 2e+06 in column 2 ('gene2')" in words
    (words,) = said(tmp_path, mixed, EVEN)
    assert words.startswith("column 3 ('gene3') has 99.")
    assert ":normalise=standardise" in words
    assert said(tmp_path, mixed, EVEN, "standardise") == []


def test_few_samples_with_most_of_the_deviation_are_told_as_the_first_tokens_of_texts_are(tmp_path: Path) -> None:
    sinks = X.copy()
    sinks[[10, 50, 90], 5] = 300 + np.arange(3)  # alike, so that none has half
    (words,) = said(tmp_path, sinks, EVEN)
    assert re.match(r"[23] of 160 training samples have 9\d\.\d% of the squared deviation, such as sample ", words)
    assert re.search(r"\('cell\d+'\) of the training split, from 0, with 30\d in column 5", words)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.where(np.arange(N) % 20 == 0, 1, 0), "the largest class, 0, has 95% of the test samples"),
        (np.where(np.arange(N) % 10 < 8, 7, np.arange(N) % 3), "say little: 0 (1), 1 (1), 2 (1)"),
        (np.where(np.arange(N) % 10 < 7, 0, 1), ""),
    ],
)
def test_a_class_that_is_most_of_all_is_named(tmp_path: Path, labels: np.ndarray, words: str) -> None:
    assert words in "".join(said(tmp_path, X, labels))
    assert bool(words) == bool(said(tmp_path, X, labels))


def test_it_stands_in_the_check_before_the_runs_and_in_their_records(tmp_path: Path) -> None:
    (note,) = said(tmp_path, X * [1, 1, 1, 50, 1, 1, 1, 1], EVEN)
    assert check_object(f"{tmp_path}/t.csv", tmp_path)[-1] == Outcome(f"Sound, but {note}")
    words = ("--models", "mean", "--seeds", "1", "--budget", "smoke", "--metrics", "fvu")
    done = helpers.bench("run", *words, "--datasets", f"{tmp_path}/t.csv", "--results", str(tmp_path / "runs"))
    assert f"t: {note}." in " ".join(done.stdout.split())
    assert note in RunStore(tmp_path / "runs").find("mean").notes
    assert note in (tmp_path / "runs" / "leaderboard.md").read_text(encoding="utf-8")
