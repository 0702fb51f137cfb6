"""The inputs of metrics: what is wrong with a parameter, and why its input is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from metrics.base import Metric, metric
from metrics.needs import NEEDS, NO_GAMMA, NO_TRAINING_SAMPLES, find_need, misspelt, why_absent


def declared(function: Callable[..., float], **needs: str) -> Metric[..., Any]:
    return metric(label="mine", direction="none", range="[0, 1]", source="definition", needs=needs)(function)


def misspells(x: Any, lables: Any) -> float:
    return 0.0


def misspells_of_training(x: Any, train_lables: Any) -> float:
    return 0.0


def asks_for_a_truth_of_training(train_true_atoms: Any) -> float:
    return 0.0


def asks_for_the_unknown(x: Any, weather: Any) -> float:
    return 0.0


def misspells_an_option(x: Any, atom: Any = None) -> float:
    return 0.0


def has_an_option(x: Any, sharpness: float = 3.0, labels: Any = None) -> float:
    return 0.0


def asks_for_angles(x: Any, angles: Any) -> float:
    return 0.0


def misspells_angles(x: Any, angels: Any) -> float:
    return 0.0


def takes_by_position(x: Any, /) -> float:
    return 0.0


def asks_for_training_samples(train_x: Any, train_gates: Any, k: Any) -> float:
    return 0.0


@pytest.mark.parametrize(
    ("function", "needs", "problems"),
    [
        (misspells, {}, ["it asks for 'lables', which nothing provides. Did you mean 'labels'?"]),
        (
            misspells_of_training,
            {},
            ["it asks for 'train_lables', which nothing provides. Did you mean 'train_labels'?"],
        ),
        (
            asks_for_a_truth_of_training,
            {},
            ["it asks for 'train_true_atoms', which nothing provides. Did you mean 'true_atoms'?"],
        ),
        (asks_for_the_unknown, {}, ["it asks for 'weather', which nothing provides."]),
        (misspells_an_option, {}, ["it asks for 'atom', which nothing provides. Did you mean 'atoms'?"]),
        (has_an_option, {}, []),
        (asks_for_angles, {"angles": "of the strokes"}, []),
        (
            has_an_option,
            {"angles": "of the strokes"},
            ["it declares the need 'angles' and has no parameter of that name."],
        ),
        (
            misspells_angles,
            {"angles": "of the strokes"},
            [
                "it asks for 'angels', which nothing provides. Did you mean 'angles'?",
                "it declares the need 'angles' and has no parameter of that name.",
            ],
        ),
        (takes_by_position, {}, ["it takes 'x' by position only; evaluation passes it by its name."]),
        (asks_for_training_samples, {}, []),
    ],
)
def test_what_is_wrong_with_the_parameters_is_said(
    function: Callable[..., float], needs: dict[str, str], problems: list[str]
) -> None:
    assert misspelt(declared(function, **needs)) == problems


def test_only_what_has_a_row_a_sample_is_there_of_training_samples() -> None:
    for name, need in NEEDS.items():
        assert find_need(name) is need
        assert find_need(f"train_{name}") is (need if need.of_samples else None)
    assert find_need("train_train_x") is find_need("train_") is find_need("angles") is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("labels", "no sample has a label"),
        ("train_labels", "no sample has a label"),
        ("gamma", NO_GAMMA),
        ("true_atoms", "the data set has no known atoms"),
        ("train_z", NO_TRAINING_SAMPLES),
        ("mean_embedding", NO_TRAINING_SAMPLES),
        ("train_gates", "the data set has no known factors"),
        ("angles", "the data set does not know 'angles'"),
    ],
)
def test_what_is_missing_is_why_a_metric_does_not_apply(name: str, reason: str) -> None:
    assert why_absent(declared(asks_for_angles, angles="of the strokes"), name) == reason


def test_every_word_has_a_meaning() -> None:
    assert all(need.meaning for need in NEEDS.values())
