"""What the page says of a name that is pointed at: what it is, its paper, and where its code lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.compare.boards import Board, Column
from bench.plugins.registry import METRIC_REGISTRY, MODEL_REGISTRY, Registry
from bench.store.record import metric_of


def of_column(column: Column) -> str:
    """What a column is."""
    info = column.info
    code = _code(METRIC_REGISTRY, metric_of(column.name))
    return f"{info.explanation}\n`{column.name}`. Range {info.range}. Source: {info.source}.{code}"


def of_models(boards: Sequence[Board]) -> dict[str, str]:
    """Model -> what it is, of those that this package ships."""
    specs = [record.spec for board in boards for record in board.representatives.values()]
    own = {spec.model for spec in specs if MODEL_REGISTRY.builtins.get(spec.model) == spec.model_reference}
    return {name: f"{MODEL_REGISTRY.plugins[name].summary()}{_code(MODEL_REGISTRY, name)}" for name in sorted(own)}


def _code(registry: Registry, name: str) -> str:
    """The file of a built-in, from the root of the repository; the code of another's is not known here."""
    module = registry.builtins.get(name, "").partition(":")[0]
    return f" Code: {Path(*module.split('.'))}.py." if module else ""
