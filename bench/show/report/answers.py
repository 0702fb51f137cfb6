"""The answer as the template draws it: a sentence for each board, and its tables at the prices that are offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.compare.answers import Answer
from bench.compare.boards import Column, Row
from bench.compare.readings import Reading
from bench.show.answers import at, lacking, level, native, sentence, wary_at, wary_of_curves, where
from bench.show.readings import cells, is_marked, rank_text, seeds
from bench.show.report.explained import of_board, of_column, of_models

LEVEL = (
    "Level: how much of the price all models pay in this table. Each is read there on its own curve. Where it is "
    "none of a model's settings, the number lies between two of them, and is of no run."
)


def answers(found: Sequence[Answer]) -> list[dict[str, Any]]:
    """The answer of each board."""
    explained = of_models([each.board for each in found])
    return [
        {
            "title": each.board.title,
            "where": where(each.board),
            "native": native(each.board),
            "explained": explained,
            "terms": of_board(each.board) | ({"level": LEVEL} if each.readings else {}),
            "sentence": sentence(each),
            "readings": [{"sentence": sentence(each, reading), **_reading(reading)} for reading in each.readings],
            "chosen": next((i for i, reading in enumerate(each.readings) if reading is each.chosen), 0),
        }
        for each in found
    ]


def _reading(reading: Reading) -> dict[str, Any]:
    columns = reading.board.columns
    ranks = [reading.ranks(column) for column in columns]
    n_ranked = sum(row.n_done > 0 for row in reading.compared)
    return {
        "title": at(reading),
        "level": level(reading),
        "metric": reading.price.metric,
        "label": reading.column.info.label,
        "at": reading.price.value,
        "columns": [{"name": c.name, "header": c.header, "tip": of_column(c), **_read_as(c)} for c in columns],
        "rows": [_row(reading, row, ranks, n_ranked) for row in reading.board.rows],
        "lacking": lacking(reading).lower(),
        "wary_here": wary_at(reading),
        "wary": wary_of_curves(reading),
    }


def _read_as(column: Column) -> dict[str, str]:
    """How a column is read at this price, for the script that reads others."""
    info = column.info
    direction = "none" if info.against else info.direction
    return {"family": info.family or "other", "label": info.label, "answer": info.answer, "direction": direction}


def _row(reading: Reading, row: Row, ranks: Sequence[Mapping[str, tuple[int, int]]], n: int) -> dict[str, Any]:
    own = [each.get(row.label) for each in ranks]
    return {
        "label": row.label,
        "model": row.model,
        "seeds": seeds(reading, row),
        "floor": row.label in reading.floors,
        "reached": row.n_done > 0,
        "cells": [
            {"text": text, "best": is_marked(reading, row, column), "rank": rank_text(rank), "bar": _bar(rank, n)}
            for column, text, rank in zip(reading.board.columns, cells(reading, row), own, strict=True)
        ],
    }


def _bar(rank: tuple[int, int] | None, n: int) -> tuple[float, float] | None:
    """Where the bar of a rank begins and how long it is, in percent of a cell; where bars overlap, rows may be tied."""
    return (round(100 * (rank[0] - 1) / n, 1), round(100 * (rank[1] - rank[0] + 1) / n, 1)) if rank else None
