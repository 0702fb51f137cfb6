"""Inputs of backbones: what the labels of a table mean, and where its path begins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.activations.inputs import read_inputs
from bench.datasets.files import FileSource
from bench.datasets.place import place_of
from bench.errors import BenchError

TOKENS: Any = object()
"""Says that the backbone takes texts."""


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        ([-1, 3, 10, 3], [-1, 0, 1, 0], ["3", "10"]),
        ([1.0, None, -1.0, 0.0], [1, -1, -1, 0], ["0", "1"]),
        (["b", "", "-1", "a"], [2, -1, 0, 1], ["-1", "a", "b"]),
    ],
)
def test_a_negative_number_an_empty_and_a_missing_label_are_no_class_as_in_files_of_arrays(
    tmp_path: Path, labels: list[Any], codes: list[int], names: list[str]
) -> None:
    rows = [{"text": f"word {i}", "label": label} for i, label in enumerate(labels)]
    (tmp_path / "texts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    inputs = read_inputs(str(tmp_path / "texts.jsonl"), tmp_path, TOKENS)
    assert (inputs.labels.tolist(), list(inputs.class_names)) == (codes, names)
    given = np.array([np.nan if label is None else label for label in labels])
    parts = ("train", "validation", "test")
    values = {f"x_{part}": np.eye(4) for part in parts} | {f"y_{part}": given for part in parts}
    np.savez(tmp_path / "arrays.npz", **values)
    place = place_of(str(tmp_path / "arrays.npz"))
    assert place is not None
    dataset = FileSource(place).load(tmp_path)
    assert (dataset.train.labels.tolist(), list(dataset.class_names)) == (codes, names)


def test_a_home_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="there is no home folder that '~no-such-user' means"):
        read_inputs("~no-such-user/texts.csv", tmp_path, TOKENS)
