"""A data set that is larger than memory: training batches come from the files, all else is of a sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from bench.datasets.base import Dataset, Split, Whole, spread_indices
from bench.datasets.cache import cached
from bench.datasets.moments import streamed_moments
from bench.datasets.normalising import Moments, scaling_of
from bench.datasets.stream import Stream

IN_MEMORY = 2**28
"""Numbers that a data set in memory has at most: 1 GiB as float32. Not a share of this machine's memory: the order of
the batches depends on it, and a run is to have the same numbers anywhere."""

SAMPLE, SAMPLE_NUMBERS = 20_000, 2**25
"""Samples of a split that are in memory at most, and their numbers at most."""


def larger_dataset(
    splits: tuple[Stream, Stream, Stream], shape: tuple[int, ...], names: tuple[str, ...], how: str, key: str
) -> Dataset:
    """The data set of training, validation and test split, normalised.

    Parameters
    ----------
    shape, names
        Of an input, and of the classes.
    how : str
        The normalisation: see `bench.datasets.normalising`.
    key : str
        What identifies the data: what one pass over all of them finds is kept under it.

    Raises
    ------
    BenchError
        A file cannot be read, or has NaN or infinities.
    """
    found = cached("moments", key, _made(splits))
    moments = Moments(**{name: torch.from_numpy(values) for name, values in found.items()})
    bounds, scaling = torch.stack([moments.low, moments.high]).float(), scaling_of(moments, how)
    bounds = scaling.of(bounds) if scaling else bounds
    train, validation, test = (replace(split, scaling=scaling, bounds=bounds) for split in splits)
    whole = Whole(train, len(test))
    return Dataset(_sample(train), _sample(validation), _sample(test), shape, names, scaling=scaling, whole=whole)


def _made(splits: tuple[Stream, ...]) -> Callable[[], dict[str, np.ndarray]]:
    def make() -> dict[str, np.ndarray]:
        passes = {id(split.rows): streamed_moments(split) for split in _distinct(splits)}
        return {name: values.numpy() for name, values in passes[id(splits[0].rows)]._asdict().items()}

    return make


def _distinct(splits: tuple[Stream, ...]) -> list[Stream]:
    """The first split of each set of files."""
    return list({id(split.rows): split for split in reversed(splits)}.values())


def _sample(split: Stream) -> Split:
    """Some samples of a split, evenly spread."""
    size = min(SAMPLE, max(1, SAMPLE_NUMBERS // split.rows.n_features))
    chosen = spread_indices(len(split), size)
    sample = split.take(chosen)
    return Split(sample.at(torch.arange(len(sample))), sample.labels, sample.factors)
