"""What a shell offers for a word that is half typed: names of what there is. Nothing here imports a plug-in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import typer

from bench import RESULTS

KINDS = ("models", "datasets", "metrics")


def kinds(incomplete: str) -> list[str]:
    """What `bench list` lists."""
    return [kind for kind in KINDS if kind.startswith(incomplete)]


def models(incomplete: str) -> list[str]:
    """Names of models, with commas between."""
    from bench.plugins.registry import MODEL_REGISTRY

    return _next_of_list(incomplete, MODEL_REGISTRY.plugins)


def datasets(incomplete: str) -> list[str]:
    """Names of data sets, with commas between."""
    from bench.plugins.registry import DATASET_REGISTRY

    return _next_of_list(incomplete, DATASET_REGISTRY.plugins)


def metrics(incomplete: str) -> list[str]:
    """Names of metrics, with commas between."""
    from bench.plugins.registry import METRIC_REGISTRY

    return _next_of_list(incomplete, METRIC_REGISTRY.plugins)


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of the runs of the results folder that the command names."""
    from bench.store.runs import RunStore

    root = context.params.get("results") or RESULTS
    return [run_id for run_id in RunStore(Path(root)).recorded() if run_id.startswith(incomplete)]


def _next_of_list(incomplete: str, names: Iterable[str]) -> list[str]:
    """The list so far with each name that may come next, `all` among them."""
    before, comma, word = incomplete.rpartition(",")
    taken = before.split(",")
    return [f"{before}{comma}{name}" for name in ("all", *names) if name.startswith(word) and name not in taken]
