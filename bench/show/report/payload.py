"""What the scripts of the page draw from: the content of leaderboard.json, and what to show of it and how."""

from __future__ import annotations

from typing import Any

from bench.compare.boards import Board, Column
from bench.compare.stats import MIN_SEEDS, rank_intervals, t_quantiles
from bench.plugins.registry import METRIC_REGISTRY
from bench.show.report.artefacts import Artefacts
from bench.show.report.curves import curves, sweeps
from bench.show.report.structure import structure
from bench.show.tables import Tables, cell, seed_count
from models import FAMILIES


def payload(tables: Tables, artefacts: Artefacts) -> dict[str, Any]:
    """Everything, as plain values for JSON.

    The differences of all pairs of rows would grow with the square of the rows; the page takes them from the values by
    seed, with the t quantiles from here.
    """
    boards = tables.boards
    metric_families = _metric_families()
    found = [column for board in boards for column in board.columns]
    columns = {column.name: column for column in sorted(found, key=lambda column: column.info.direction != "none")}
    order = dict.fromkeys(column.name for column in found)
    models = list(dict.fromkeys(row.model for board in boards for row in board.rows))
    most = max((len(by_seed) for board in boards for row in board.rows for by_seed in row.values.values()), default=0)
    return {
        "leaderboard": tables.content,
        "csv": tables.csv,
        "latex": tables.latex,
        "boards": [_board(board, artefacts) for board in boards],
        "columns": {name: _column(columns[name], metric_families) for name in order},
        "models": sorted(models),
        "families": {model: _family(model) for model in models},
        "t": t_quantiles(most),
        "fewest": MIN_SEEDS,
    }


def _board(board: Board, artefacts: Artefacts) -> dict[str, Any]:
    """Strings as the tables print them, column by column, in the order of the rows."""
    return {
        "title": board.title,
        "labels": [row.label for row in board.rows],
        "counts": [seed_count(board, row) for row in board.rows],
        "cells": {column.name: [cell(row, column) for row in board.rows] for column in board.columns},
        "ranks": {column.name: _ranks(board, column) for column in board.columns if column.info.direction != "none"},
        "curves": curves(board.columns),
        "sweeps": sweeps(board),
        "structure": structure(board, artefacts),
    }


def _ranks(board: Board, column: Column) -> list[tuple[int, int] | None]:
    values = {row.label: row.values.get(column.name, {}) for row in board.rows}
    ranks = rank_intervals(values, column.info.direction == "max") or {}
    return [ranks.get(row.label) for row in board.rows]


def _column(column: Column, families: dict[str, str]) -> dict[str, Any]:
    name = column.name if column.name in families else column.name.partition(".")[0]
    return {
        "header": column.header,
        "family": families.get(name, "other"),
        "headline": column.info.headline,
        "direction": column.info.direction,
        "tip": f"{column.explanation}\nRange {column.info.range}. Source: {column.info.source}.",
    }


def _family(model: str) -> str:
    return next((family for family, members in FAMILIES.items() if model in members), "others")


def _metric_families() -> dict[str, str]:
    """Metric -> the name of the file that it is in."""
    return {
        name: plugin.target.rpartition(".")[2].replace("_", " ")
        if plugin.builtin
        else plugin.target.rpartition("/")[2].removesuffix(".py").rpartition(".")[2].replace("_", " ")
        for name, plugin in METRIC_REGISTRY.plugins.items()
    }
