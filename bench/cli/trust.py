"""Whose code may run beside what is built in or installed: the plug-ins that `--models` and `--datasets` name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from bench.plugins.plugin import Plugin

OwnModels = Annotated[str | None, typer.Option(help="Own models of runs, FILE.py:Class, whose code may run.")]
OwnDatasets = Annotated[str | None, typer.Option(help="The same for data sets.")]


class Trusted(NamedTuple):
    """Plug-ins whose code may run."""

    models: list[Plugin]
    """Models of somebody's own."""
    datasets: list[Plugin]
    """Data sets of somebody's own."""


def trusted_of(models: str | None, datasets: str | None) -> Trusted:
    """The plug-ins that the two options name. BenchError for a name that there is not."""
    from bench.plan.request import comma_separated
    from bench.plugins.registry import DATASET_REGISTRY, MODEL_REGISTRY

    return Trusted(
        MODEL_REGISTRY.choose(comma_separated(models or "")), DATASET_REGISTRY.choose(comma_separated(datasets or ""))
    )
