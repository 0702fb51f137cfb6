"""What the page says of a name that is pointed at: what it is, its paper, and where its code lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.compare.boards import Board, Column
from bench.errors import counted
from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY, Registry
from bench.store.record import metric_of
from bench.store.spec import BUDGETS

SETTINGS = {
    "matched": "Matched: all models have the same number of units, the same batches and as many steps; each is trained "
    "at several settings of its own sparsity.",
    "native": "Native: the sizes, batches and steps of each model's own defaults.",
}


def of_column(column: Column) -> str:
    """What a column is."""
    info = column.info
    code = _code(METRIC_REGISTRY, metric_of(column.name))
    said = f" The answer says of the best: {info.answer}." if info.answer else ""
    return f"{info.explanation}{said}\n`{column.name}`. Range {info.range}. Source: {info.source}.{code}"


def glossary(boards: Sequence[Board]) -> list[dict[str, Any]]:
    """The metrics that boards print, or that make their answer: by family, with what that is about."""
    headers: dict[str, dict[str, Column]] = {}
    for column in (column for board in boards for column in board.columns):
        if column.info.headline or column.info.answer:
            headers.setdefault(metric_of(column.name), {}).setdefault(column.header, column)
    families: dict[str, list[tuple[str, str]]] = {}
    for metric, columns in headers.items():
        whole = replace(next(iter(columns.values())), name=metric)
        families.setdefault(whole.info.family or "other", []).append((", ".join(columns), of_column(whole)))
    about = {plugin.family: plugin.about() for plugin in METRIC_REGISTRY.plugins.values() if plugin.builtin}
    return [{"family": name, "about": about.get(name, ""), "words": words} for name, words in families.items()]


def of_models(boards: Sequence[Board]) -> dict[str, str]:
    """Model -> what it is, of those that this package ships."""
    specs = [record.spec for board in boards for record in board.representatives.values()]
    own = {spec.model for spec in specs if MODEL_REGISTRY.builtins.get(spec.model) == spec.model_reference}
    return {name: f"{MODEL_REGISTRY.plugins[name].summary()}{_code(MODEL_REGISTRY, name)}" for name in sorted(own)}


def of_board(board: Board) -> dict[str, str]:
    """What a board's data set, if this package ships it, and its setting and budget are."""
    reference = board.records[0].spec.dataset_reference
    shipped = DATASET_REGISTRY.builtins.get(board.dataset) == reference
    about = {board.dataset: DATASET_REGISTRY.plugins[board.dataset].summary()} if shipped else {}
    return about | {f"{board.settings} setting, {board.budget} budget": f"{SETTINGS[board.settings]} {_budget(board)}"}


def _budget(board: Board) -> str:
    budget = BUDGETS.get(board.budget)
    if budget is None:
        return ""
    epochs = counted(budget.epochs, "epoch") if budget.epochs else "as many epochs as the model's own setting has"
    steps = f", at most {budget.max_steps} steps" if budget.max_steps else ""
    samples = f"; measured on {budget.max_eval} samples" if budget.max_eval else ""
    return f"{board.budget.capitalize()}: {epochs}{steps}{samples}."


def _code(registry: Registry, name: str) -> str:
    """The file of a built-in, from the root of the repository; the code of another's is not known here."""
    module = registry.builtins.get(name, "").partition(":")[0]
    return f" Code: {Path(*module.split('.'))}.py." if module else ""
