"""Which runs there are: rows x data sets x seeds, each done, failed, timed out, cancelled or missing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from bench.compare.boards import Board
from bench.errors import first_line
from bench.store.record import Record

MARKS = {"done": "●", "failed": "✕", "timeout": "◔", "cancelled": "⊘", "missing": "○", "not run": "·"}


def coverage(boards: Sequence[Board]) -> dict[str, Any]:
    """A table for each setting and budget, how many runs are in each state, and the errors."""
    groups: dict[tuple[str, str], list[Board]] = defaultdict(list)
    for board in boards:
        groups[board.settings, board.budget].append(board)
    tables = [_table(f"{settings} setting, {budget} budget", group) for (settings, budget), group in groups.items()]
    counts = {status: sum(table["counts"][status] for table in tables) for status in MARKS}
    records = [record for board in boards for record in board.records]
    return {"tables": tables, "counts": counts, "marks": MARKS, "errors": [_error(r) for r in records if r.error]}


def _table(title: str, boards: Sequence[Board]) -> dict[str, Any]:
    """Heads: data set -> seeds; rows: label -> cells.

    A seed that a row lacks is missing, unless no seed matters to it; a row without any run on a data set was not run.
    A run of a seed that only deterministic rows have stands at the first seed.
    """
    seeds = [board.seeds for board in boards]
    runs = [
        {(r.spec.label, r.spec.seed if r.spec.seed in own else own[0]): r for r in board.records}
        for board, own in zip(boards, seeds, strict=True)
    ]
    known_labels = [{row.label for row in board.rows if not (row.deterministic or row.imported)} for board in boards]
    labels = sorted({row.label for board in boards for row in board.rows}, key=_by_numbers)
    rows: list[dict[str, Any]] = [
        {
            "label": label,
            "cells": [
                _cell(found.get((label, seed)), board, seed, absent="missing" if label in known else "not run")
                for board, found, known, own in zip(boards, runs, known_labels, seeds, strict=True)
                for seed in own
            ],
        }
        for label in labels
    ]
    counts = {status: sum(cell["status"] == status for row in rows for cell in row["cells"]) for status in MARKS}
    names = [board.dataset + (f" ({board.data_version})" if board.data_version else "") for board in boards]
    return {"title": title, "heads": list(zip(names, seeds, strict=True)), "rows": rows, "counts": counts}


def _by_numbers(label: str) -> list[str | float]:
    """What names are sorted by, so that k=4 comes before k=10: text and numbers take turns."""
    parts = re.split(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", label)
    return [float(part) if place % 2 else part for place, part in enumerate(parts)]


def _cell(record: Record | None, board: Board, seed: int, absent: str) -> dict[str, Any]:
    status = record.status if record else absent
    message = first_line(record.error.message) if record and record.error else ""
    return {"status": status, "message": message, "where": f"{board.dataset}, seed {seed}"}


def _error(record: Record) -> dict[str, str]:
    message = first_line(record.error.message) if record.error else ""
    kind = record.error.type if record.error else ""
    return {"run_id": record.run_id, "label": record.spec.label, "status": record.status, "error": f"{kind}: {message}"}
