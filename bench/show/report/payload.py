"""What the scripts of the page draw from: the content of leaderboard.json, and what to show of it and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.compare.boards import Board, Column
from bench.compare.families import family_of
from bench.compare.marks import ALIKE, MARK_SEEDS, WILD
from bench.compare.readings import NEAR, SAME
from bench.compare.stats import LEVEL, MIN_SEEDS, STEP_SPREAD, rank_intervals, t_quantiles
from bench.compare.sweeps import Sweep, sweeps
from bench.show.answers import FAR
from bench.show.axes import DECADES
from bench.show.report.artefacts import Left
from bench.show.report.curves import curves
from bench.show.report.explained import of_column, of_models
from bench.show.report.structure import structure
from bench.show.tables import Tables, cell, seed_count


def payload(tables: Tables, left: Mapping[str, Left]) -> dict[str, Any]:
    """Everything, as plain values for JSON.

    The differences of all pairs of rows would grow with the square of the rows; the page takes them from the values by
    seed, with the t quantiles from here.
    """
    boards = tables.boards
    found = [column for board in boards for column in board.columns]
    columns = {column.name: column for column in sorted(found, key=lambda column: column.info.direction != "none")}
    order = dict.fromkeys(column.name for column in found)
    models = list(dict.fromkeys(row.model for board in boards for row in board.rows))
    most = max((len(by_seed) for board in boards for row in board.rows for by_seed in row.values.values()), default=0)
    return {
        "leaderboard": tables.content,
        "csv": tables.csv,
        "latex": tables.latex,
        "boards": [_board(board, left) for board in boards],
        "columns": {name: _column(columns[name]) for name in order},
        "models": sorted(models),
        "families": families(boards, left),
        "explained": of_models(boards),
        "t": t_quantiles(most),
        "error": 1 - LEVEL,
        "wild": WILD,
        "step_spread": STEP_SPREAD,
        "fewest": MIN_SEEDS,
        "mark_seeds": MARK_SEEDS,
        "alike": ALIKE,
        "near": NEAR,
        "same": SAME,
        "far": FAR,
        "decades": DECADES,
    }


def _board(board: Board, left: Mapping[str, Left]) -> dict[str, Any]:
    """Strings as the tables print them, column by column, in the order of the rows."""
    return {
        "title": board.title,
        "seeds": board.seeds,
        "labels": [row.label for row in board.rows],
        "counts": [seed_count(board, row) for row in board.rows],
        "cells": {column.name: [cell(row, column) for row in board.rows] for column in board.columns},
        "ranks": {column.name: _ranks(board, column) for column in board.columns if _has_ranks(column)},
        "curves": curves(board.columns),
        "sweeps": [_sweep(sweep, board) for sweep in sweeps(board)],
        "structure": structure(board, left),
    }


def _sweep(sweep: Sweep, board: Board) -> dict[str, Any]:
    """Its name, and the places of its rows on the board."""
    places = {row.label: place for place, row in enumerate(board.rows)}
    return {"label": sweep.label, "rows": [places[row.label] for row in sweep.rows]}


def _has_ranks(column: Column) -> bool:
    """Whether all rows can be put in one order by it: not where each pays another price for it."""
    return column.info.direction != "none" and not column.info.against


def _ranks(board: Board, column: Column) -> list[tuple[int, int] | None]:
    values = {row.label: row.values.get(column.name, {}) for row in board.rows}
    ranks = rank_intervals(values, column.info.direction == "max") or {}
    return [ranks.get(row.label) for row in board.rows]


def _column(column: Column) -> dict[str, Any]:
    return {
        "header": column.header,
        "family": column.info.family or "other",
        "headline": column.info.headline,
        "price": column.info.price,
        "against": column.info.against,
        "direction": column.info.direction,
        "caution": column.info.caution,
        "caution_above": column.info.caution_above,
        "tip": of_column(column),
    }


def families(boards: Sequence[Board], left: Mapping[str, Left]) -> dict[str, str]:
    """Model -> what kind it is of."""
    families: dict[str, str] = {}
    for board in boards:
        runs = {record.spec.model: record for record in board.representatives.values()}
        for row in board.rows:
            run = runs.get(row.model)
            families.setdefault(row.model, family_of(run, left[run.run_id].legend) if run else "others")
    return families
