"""Claims on data of one's own, in place of the sets that they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bench.claims.study import metrics_read
from bench.claims.verdict import Claim
from bench.execute.evaluation import needs_of
from bench.execute.outputs import known_of
from bench.execute.preflight import why_meaningless
from bench.execute.seeding import random_numbers_kept
from bench.plan.request import Request
from bench.plan.runs import specs_of
from bench.plugins.loading import load_dataset, load_metrics
from bench.plugins.plugin import Plugin
from bench.plugins.registry import DATASET_REGISTRY
from metrics.needs import NEEDS, TRAIN


class Moved(NamedTuple):
    """Claims on other data."""

    claims: list[Claim]
    """Those that can be checked there, each on all of the data."""
    left_out: dict[str, str]
    """Id of each of the others -> why, in words."""


def moved(claims: Sequence[Claim], datasets: Sequence[str], data_dir: Path) -> Moved:
    """The claims on some data sets. BenchError where one of these cannot be read.

    A claim can be checked where its metrics find what they need of the data (labels, categories, known factors), and
    its models apply.
    """
    result = Moved([], {})
    for claim in claims:
        other = replace(claim, datasets=tuple(datasets))
        if reason := next(_obstacles(other, data_dir), ""):
            result.left_out[claim.id] = reason
        else:
            result.claims.append(other)
    return result


def _obstacles(claim: Claim, data_dir: Path) -> Iterator[str]:
    """Why a claim cannot be checked on its data sets."""
    needs = {need.removeprefix(TRAIN) for need in needs_of(load_metrics(metrics_read([claim])))}
    for plugin in DATASET_REGISTRY.choose(claim.datasets):
        data = load_dataset(plugin, data_dir)
        known = known_of(data, data.test)
        for need in NEEDS:  # in their order: a lack of labels comes before what follows from them
            if need in needs and NEEDS[need].of_data and need not in known:
                yield f"{NEEDS[need].absent} ('{plugin.name}')"
        for model in dict.fromkeys(arm.model for arm in claim.arms.values()):
            if reason := _why_meaningless(model, plugin, data_dir):
                yield f"{reason.rstrip('.')} ('{model}')"


@cache
def _why_meaningless(model: str, dataset: Plugin, data_dir: Path) -> str:
    """Why a model means nothing on a data set; "" where it may."""
    request = Request.build(models=(model,), datasets=(dataset.reference,), seeds=(0,))
    with random_numbers_kept():
        return why_meaningless(specs_of(request, data_dir)[0], load_dataset(dataset, data_dir), data_dir)
