"""What a few samples, dimensions or classes outweigh: said beside the numbers of a data set, which they decide."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.datasets.base import Dataset

SHARE, TIMES = 0.5, 3.0
"""Of the squared deviation of the training split, the share that is told of one sample or dimension: half, and three
times its fair share, as one of two dimensions may well have half."""
FEWEST = 0.02
"""Share of the training samples that deviate most: where these have half of the squared deviation, they are told."""
LARGEST, OF_TWO = 2.0, 0.75
"""Times its fair share of the test samples that the largest class has, where it is told; and of two classes, its
share."""
FEW = 10
"""Test samples of a class below which it is named beside the largest."""
NAMED = 5
"""Classes that are named at most."""
ROWS = 8192
"""Samples that are looked at together."""


def outweighed(dataset: Dataset) -> list[str]:
    """A clause each for one sample or few, or one dimension, and one class that outweigh all others; else none."""
    return [words for words in (_of_deviations(dataset), _of_classes(dataset)) if words]


def _of_deviations(dataset: Dataset) -> str:
    """On the training split, as models see it: what is fitted, and FVU, follow what deviates most."""
    x = dataset.train.x
    mean = x.mean(0)
    squares = ((part - mean).square() for part in x.split(ROWS))  # one at a time: they are as large as the data
    sums = [(part.sum(1, dtype=torch.float64), part.sum(0, dtype=torch.float64)) for part in squares]
    of_samples, of_columns = torch.cat([rows for rows, _ in sums]), torch.stack([each for _, each in sums]).sum(0)
    row, column = _heaviest(of_samples), _heaviest(of_columns)
    if row is not None:
        named, value = _sample(dataset, row, mean)
        return (
            f"{named}, has {_share(of_samples, row)} of its squared deviation, with {value}: scaling, training and FVU "
            "follow it; leave it out, clip it, or take logarithms"
        )
    few = of_samples.topk(int(FEWEST * len(of_samples)))
    if few.values.sum() > SHARE * of_samples.sum():
        named, value = _sample(dataset, int(few.indices[0]), mean)
        return (
            f"{len(few.values):,} of {len(x):,} training samples have {few.values.sum() / of_samples.sum():.1%} of the "
            f"squared deviation, such as {named}, with {value}: scaling, training and FVU follow them, whatever "
            "becomes of the others; leave them out, as is usual with the first tokens of texts, or clip them"
        )
    if column is not None:
        return (
            f"{_column(dataset, column)} has {_share(of_columns, column)} of the squared deviation of the training "
            "split: training and FVU follow it; leave it out, or weigh all alike with :normalise=standardise"
        )
    return ""


def _sample(dataset: Dataset, row: int, mean: Tensor) -> tuple[str, str]:
    """A training sample by its number and name, and where it deviates most."""
    x = dataset.train.x[row : row + 1]
    place = int((x[0] - mean).abs().argmax())
    value = (dataset.scaling.undone(x) if dataset.scaling else x)[0, place].item()
    called = f" ('{dataset.train.names[row]}')" if dataset.train.names else ""
    return f"sample {row}{called} of the training split, from 0", f"{value:.4g} in {_column(dataset, place)}"


def _heaviest(squares: Tensor) -> int | None:
    """The place that has too large a share of the whole; None where none has."""
    place = int(squares.argmax())
    return place if squares[place] > max(SHARE, TIMES / len(squares)) * squares.sum() else None


def _share(squares: Tensor, place: int) -> str:
    return f"{(squares[place] / squares.sum()).item():.1%}"


def _column(dataset: Dataset, column: int) -> str:
    called = f" ('{dataset.feature_names[column]}')" if dataset.feature_names else ""
    return f"column {column}{called}"


def _of_classes(dataset: Dataset) -> str:
    labels = dataset.test.labels
    counts = labels[labels >= 0].bincount()
    classes = counts.nonzero().squeeze(1)
    if len(classes) < 2:
        return ""
    largest = int(counts.argmax())
    share = counts[largest].item() / counts.sum().item()
    if share <= min(LARGEST / len(classes), OF_TWO):
        return ""
    words = (
        f"the largest class, {dataset.class_names[largest]}, has {share:.0%} of the test samples: a probe and purity "
        "have that without knowing anything"
    )
    if small := [int(place) for place in classes if counts[place] < FEW]:
        named = ", ".join(f"{dataset.class_names[place]} ({counts[place]})" for place in small[:NAMED])
        more = f" and {len(small) - NAMED} more" if len(small) > NAMED else ""
        words += f"; classes of fewer than {FEW} test samples say little: {named}{more}"
    return words
