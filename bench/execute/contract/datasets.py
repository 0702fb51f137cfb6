"""The contract of a data set: what identifies it, and three sound splits that share no samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from bench.datasets import soundness
from bench.datasets.balance import outweighed
from bench.datasets.base import Dataset, DatasetSource, Split
from bench.execute.contract.checking import Check, Outcome, run_checks
from bench.plugins.loading import load_source
from bench.plugins.plugin import Plugin

CHANCE = 0.001
"""Share of samples that may be in two splits: by chance, or since the source has them twice, as many a set has."""
NAMED = 3
"""Shared samples that are named; the others are counted."""


@dataclass(frozen=True)
class Subject:
    """A data set under test."""

    plugin: Plugin
    """What names it."""
    data_dir: Path
    """Where its files are."""

    @cached_property
    def source(self) -> DatasetSource:
        """The way to it."""
        return load_source(self.plugin)

    @cached_property
    def dataset(self) -> Dataset:
        """What it loads."""
        return self.source.load(self.data_dir)

    @property
    def splits(self) -> Mapping[str, Split]:
        """Its splits, by name."""
        return self.dataset.splits


def check_source(plugin: Plugin, data_dir: Path) -> list[Outcome]:
    """Try everything that the harness asks of a data set; of a sound one, say what outweighs all else in it."""
    subject = Subject(plugin, data_dir)
    outcomes = run_checks(SOURCE, subject, plugin)
    if any(outcome.problem for outcome in outcomes):
        return outcomes
    notes = (*subject.dataset.notes, *outweighed(subject.dataset))
    return [*outcomes, *(Outcome(f"Sound, but {note}") for note in notes)]


def makes(subject: Subject) -> str:
    """Its class can be made, without arguments."""
    return "" if subject.source else "the class makes nothing."


def has_a_checksum(subject: Subject) -> str:
    """checksum() is a string, the same twice."""
    first, second = (subject.source.checksum(subject.data_dir) for _ in range(2))
    if not isinstance(first, str) or not first:
        return f"checksum() returns {first!r}; expected a string that identifies content and splits."
    if first != second:
        return f"checksum() returns {first!r} and then {second!r}: every command would begin all runs again."
    return ""


def loads(subject: Subject) -> str:
    """load() gives a Dataset of three splits: x (N, D) float32, labels (N,) int64."""
    return soundness.flaw_of_type(subject.dataset)


def has_inputs(subject: Subject) -> str:
    """x has samples that differ in each split, finite, and not too large to square."""
    return soundness.flaw_of_inputs(subject.dataset)


def has_one_size(subject: Subject) -> str:
    """Inputs have the same D in all splits, that of image_shape."""
    return soundness.flaw_of_sizes(subject.dataset)


def names_classes(subject: Subject) -> str:
    """There is a class name for each label, and a category for each class or none."""
    return soundness.flaw_of_classes(subject.dataset)


def knows_factors(subject: Subject) -> str | None:
    """Factors are tensors with a row for each sample, the same ones in every split."""
    if not any(split.factors for split in subject.splits.values()):
        return None
    return soundness.flaw_of_factors(subject.dataset)


def loads_again(subject: Subject) -> str:
    """Loading twice gives the same values."""
    again = subject.source.load(subject.data_dir)
    for (name, split), other in zip(subject.splits.items(), again.splits.values(), strict=True):
        for what, ours, theirs in (("x", split.x, other.x), ("labels", split.labels, other.labels)):
            if not torch.equal(ours, theirs):
                return f"{name}.{what} differs from load to load: seed what is drawn or shuffled."
    return ""


def has_separate_splits(subject: Subject) -> str:
    """Hardly any sample is in two splits: less than 1 in 1,000; samples without any contrast do not count."""
    rows = {name: _whole(split) for name, split in subject.splits.items()}
    problems = []
    for first, second in combinations(rows, 2):
        where = {row: i for i, row in reversed(rows[first].items())}
        shared = [(where[row], i) for i, row in rows[second].items() if row in where]
        if len(shared) > CHANCE * len(rows[second]):
            pairs = ", ".join(f"{first} {i} = {second} {j}" for i, j in shared[:NAMED])
            more = f" and {len(shared) - NAMED} more" if len(shared) > NAMED else ""
            problems.append(
                f"{len(shared)} of {len(rows[second])} samples of {second} are in {first} too: {pairs}{more}."
            )
    return " ".join(problems)


def _whole(split: Split) -> dict[int, bytes]:
    """The bytes of each sample that is not constant, by the index of its first row.

    A text or image of several rows is one sample: causal networks return the same for all texts that begin alike.
    """
    array = np.ascontiguousarray(split.x.cpu().numpy())
    varied = (array != array[:, :1]).any(1)
    groups = split.factors.get("group", torch.arange(len(array))).cpu().numpy()
    first = np.flatnonzero(np.diff(groups, prepend=-1))
    bounds = zip(first, [*first[1:], len(array)], strict=True)
    return {int(i): array[i:end].tobytes() for i, end in bounds if varied[i:end].any()}


SOURCE = (
    Check(
        makes,
        then=(
            Check(has_a_checksum),
            Check(
                loads,
                then=(
                    Check(
                        has_inputs,
                        then=tuple(map(Check, (has_one_size, names_classes, has_separate_splits, loads_again))),
                    ),
                    Check(knows_factors),
                ),
            ),
        ),
    ),
)
"""What is tried of a data set."""
