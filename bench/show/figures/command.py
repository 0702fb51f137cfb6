"""What the verb `figures` does: choose runs, draw each, draw what compares them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.compare.boards import build
from bench.errors import BenchError
from bench.show.figures.files import save
from bench.show.figures.study import compare, draw
from bench.store.record import Record
from bench.store.runs import RunStore


def write_figures(names: Sequence[str], store: RunStore, out: Path, tell: Callable[[str], None]) -> list[Path]:
    """Draw runs, by names or the lowest seed of each row, and what compares them, into a folder each.

    Parameters
    ----------
    tell : function
        Called with a line for each folder that has been written.
    """
    records = [store.find(name) for name in names] if names else first_of_each_row(store)
    written = []
    for record in records:
        try:
            figures = draw(record, store.folder(record.run_id))
        except BenchError as error:
            if names:
                raise
            tell(str(error))
            continue
        paths = save(figures, out / record.run_id)
        tell(_line(out / record.run_id, paths))
        written += paths
    for board, runs in _by_board(records).items():
        if paths := save(compare(runs, store.folder(runs[0].run_id).legend()), out / board):
            tell(_line(out / board, paths))
            written += paths
    return written


def first_of_each_row(store: RunStore) -> list[Record]:
    """Of each row of each board the run with the lowest seed that is done. BenchError where there is none."""
    boards = build(store.scan().records, columns=())
    first = [record for board in boards for record in board.representatives.values()]
    if not first:
        raise BenchError(
            f"No runs that are done in '{store.root}'. `bench run` makes some; --results DIR names others."
        )
    return first


def _by_board(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Runs that may be compared, by the name of their folder."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in {record.run_id: record for record in records}.values():
        spec = record.spec
        name = re.sub(r"\W+", "_", spec.dataset).strip("_")
        groups[f"{name}-{spec.settings}-{spec.budget}-{spec.dataset_checksum[:8]}"].append(record)
    return groups


def _line(folder: Path, paths: Sequence[Path]) -> str:
    """'FOLDER: atoms, gamma (png, pdf)'."""
    names = dict.fromkeys(path.stem for path in paths)
    kinds = dict.fromkeys(path.suffix[1:] for path in paths)
    return f"{folder}: {', '.join(names)} ({', '.join(kinds)})"
