"""What is said of a plug-in that is not what it should be: one message, that names the file and the fix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.errors import BenchError
from bench.plugins.loading import UNDECORATED, load_dataset, load_metric, load_model_class, load_source, model_files
from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY
from tests.bench.execute.contract.plugins import MODEL, subclass, write

DECLARATION = """\
from metrics.base import metric

@metric(label="mine", direction="min", range="[0, 1]", source="definition")
"""


def said_of_metric(folder: Path, text: str) -> str:
    plugin = METRIC_REGISTRY.find(f"{write(folder, text)}:mine")
    with pytest.raises(BenchError) as caught:
        load_metric(plugin)
    return str(caught.value).replace(str(folder), "FOLDER")


def said_of_model(reference: str, folder: Path) -> str:
    with pytest.raises(BenchError) as caught:
        load_model_class(MODEL_REGISTRY.find(reference))
    return str(caught.value).replace(str(folder), "FOLDER")


def test_a_metric_that_asks_for_an_unknown_need(tmp_path: Path) -> None:
    assert said_of_metric(tmp_path, DECLARATION + "def mine(x, lables, weather):\n    return 0.0\n") == (
        "The metric 'mine' of FOLDER/mine.py cannot be used:\n"
        "it asks for 'lables', which nothing provides. Did you mean 'labels'?\n"
        "it asks for 'weather', which nothing provides."
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("direction='down'", "direction = 'down': Input should be 'min', 'max' or 'none'"),
        ("unit=None", "unit = None: Input should be a valid string"),
        ("curve=Axis('k', {'a': 1.0})", "curve.places.a = 1.0: "),
        ("curve=3", "curve = 3: "),
        ("source='long' * 1000", "a text has more than 1,000 characters"),
        ("range='0..1'", "range is '0..1'; write '[0, 1]'"),
        ("range='[1, 0]'", "range is '[1, 0]', whose ends are in the wrong order."),
    ],
)
def test_a_metric_whose_declaration_says_nothing_that_can_be_read(tmp_path: Path, change: str, said: str) -> None:
    """In a run's legend it would take the words of all other metrics with it, or any value would be in its range."""
    made = "mine = metric(**dict(label='mine', direction='min', range='[0, 1]', source='me') | dict("
    text = f"from metrics.base import Axis, metric\n\ndef share(x):\n    return 0.0\n\n{made}{change}))(share)\n"
    _, problem = said_of_metric(tmp_path, text).splitlines()
    assert problem.startswith(said)


def test_a_metric_without_the_decorator(tmp_path: Path) -> None:
    assert said_of_metric(tmp_path, "def mine(x):\n    return 0.0\n") == (
        f"The metric 'FOLDER/mine.py:mine' has no declaration: {UNDECORATED}"
    )


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            "def atom(self):\n    return self.decoder.weight.T",
            "defines atom(), which nothing calls: did you mean atoms()? Begin the name of a helper with an underscore.",
        ),
        (
            "def loss(self, x, labels):\n    return 0",
            "defines loss(self, x, labels); expected loss(self, x, labels, progress), as the harness calls it.",
        ),
        (
            "class Config(GradientConfig):\n    width: int",
            "has no default for Config.width; give the model's own setting, e.g. Field(8, ge=1).",
        ),
        ("matched_grid = {'k': ()}", "matched_grid is {'k': ()}; map a field to its values, e.g. {'k': (4, 8)}."),
    ],
)
def test_a_model_with_a_mistake(body: str, problem: str, tmp_path: Path) -> None:
    said = said_of_model(subclass(tmp_path, MODEL, body), tmp_path)
    assert said == f"The model 'Mine' of FOLDER/mine.py cannot be used:\n{problem}"


def test_what_a_model_reads_is_a_tuple_of_names(tmp_path: Path) -> None:
    plugin = MODEL_REGISTRY.find(subclass(tmp_path, MODEL, "reads = ('w.npz')"))
    with pytest.raises(BenchError, match=r"reads = 'w\.npz' is no tuple of file names; write .* with the comma\."):
        model_files(plugin)


def test_a_class_that_is_no_model(tmp_path: Path) -> None:
    assert said_of_model(f"{write(tmp_path, 'class Mine: pass')}:Mine", tmp_path) == (
        "'FOLDER/mine.py:Mine' is not a model: derive it from models.base.Model."
    )


def test_a_class_that_is_no_data_set(tmp_path: Path) -> None:
    reference = f"{write(tmp_path, 'class Mine: pass')}:Mine"
    with pytest.raises(BenchError) as caught:
        load_source(DATASET_REGISTRY.find(reference))
    assert str(caught.value) == (f"'{reference}' is not a data set: derive it from bench.datasets.base.DatasetSource.")


@pytest.mark.parametrize("value", ["0", "True", "'many'", "2.5"])
def test_a_least_number_of_steps_is_a_number(value: str, tmp_path: Path) -> None:
    text = f"from bench.datasets.digits import Digits\n\n\nclass Mine(Digits):\n    min_steps = {value}\n"
    with pytest.raises(BenchError) as caught:
        load_source(DATASET_REGISTRY.find(f"{write(tmp_path, text)}:Mine"))
    assert f"min_steps is {value}; give a number of optimiser steps, 1 or more, or None." in str(caught.value)


def test_hyperparameters_of_a_data_set_are_a_mapping(tmp_path: Path) -> None:
    text = "from bench.datasets.digits import Digits\n\n\nclass Mine(Digits):\n    hyperparameters = ['k']\n"
    with pytest.raises(BenchError) as caught:
        load_source(DATASET_REGISTRY.find(f"{write(tmp_path, text)}:Mine"))
    assert "hyperparameters is ['k']; map fields to values, e.g. {'batch_size': 16}." in str(caught.value)


def test_a_data_set_is_read_once_until_its_content_changes(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(20))
    plugin = DATASET_REGISTRY.find(str(tmp_path / "x.npy"))
    first = load_dataset(plugin, tmp_path)
    assert load_dataset(plugin, tmp_path) is first
    np.save(tmp_path / "x.npy", 1 - np.eye(20))
    second = load_dataset(plugin, tmp_path)
    assert not torch.equal(first.train.x, second.train.x)
    assert load_dataset(plugin, tmp_path) is second
