"""`bench leaderboard`, `report`, `compare`: boards from the records alone."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import RESULTS
from bench.cli.app import EXIT_FAILED, app
from bench.cli.options import Out, ResultsDir, path_option
from bench.cli.readings import At, Columns
from bench.errors import BenchError

if TYPE_CHECKING:
    from rich.console import Console

    from bench.compare.boards import Board
    from bench.compare.readings import Reading
    from bench.show.tables import Tables
    from bench.store.record import Record
    from bench.store.runs import RunStore, Scan


@app.command()
def leaderboard(at: At = None, columns: Columns = None, results: ResultsDir = RESULTS, out: Out = None) -> None:
    """Rebuild the tables and the page from the records alone, and print the boards."""
    from bench.api.boards import readings_at, with_columns
    from bench.show.labs import lines
    from bench.show.printing import print_raw
    from bench.store.labs import read_labs

    with _opened(results) as (console, store, scan):
        tables = build_tables(scan.records, store)
        readings = readings_at(tables.boards, store, at, columns) if at else []  # first: a price may be misspelt
        boards = with_columns(tables.boards, columns) if columns else tables.boards
        write_all(scan.records, tables, out or results, store)  # next: whoever reads the boards may stop reading
        if readings:
            print_readings(console, readings)
        else:
            print_boards(console, boards, store)
        print_left_out(console, scan.records, store)
        for line in lines(read_labs(results)):
            print_raw(console, line)
        print_places(console, out or results)
    raise typer.Exit(EXIT_FAILED if scan.unreadable else 0)


@app.command()
def report(
    results: ResultsDir = RESULTS,
    out: Out = None,
    site: Annotated[
        Path | None, path_option("--site", help="Folder for a static site: index, a page a data set, downloads.")
    ] = None,
) -> None:
    """Rebuild report.html, tables and figures in one file, from the runs alone; or a site of several."""
    from bench.show import report as page
    from bench.show.printing import print_raw

    if site and out:
        raise BenchError("--site and --out both name a folder to write to; give one of them.")
    with _opened(results) as (console, store, scan):
        tables = build_tables(scan.records, store)
        if site:
            path = page.write_site(scan.records, tables, site, store)
        else:
            path = page.write(scan.records, tables, out or results, store)
        print_left_out(console, scan.records, store)
        print_raw(console, f"Report: {path}")
    raise typer.Exit(EXIT_FAILED if scan.unreadable else 0)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A row of the board: a model, or 'topk k=8'.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another row.")],
    results: ResultsDir = RESULTS,
    all_: Annotated[bool, typer.Option("--all", help="Every metric, not only those of the printed board.")] = False,
) -> None:
    """Compare two rows, metric by metric: paired differences over the seeds that both have."""
    from bench.compare import pairs
    from bench.show.fitting import paragraph, room
    from bench.show.pairs import EXPLANATION, pairs_text
    from bench.show.printing import make_console, print_raw
    from bench.store.runs import RunStore

    console, store = make_console(), RunStore(results)
    scan = store.scan()
    require_records(console, scan, results)
    for board in pairs.boards_with(build_tables(scan.records, store).boards, first, second):
        shown = pairs.compare(board, first, second, board.columns if all_ else board.headline)
        print_raw(console, f"\n{pairs_text(board, shown, first, second, room())}")
    print_raw(console, f"\n{paragraph(EXPLANATION, room())}")


def build_tables(records: Sequence[Record], store: RunStore) -> Tables:
    """The tables of all boards of some records."""
    from bench.api.boards import build_boards
    from bench.show.tables import Tables

    return Tables(build_boards(records, store))


def print_readings(console: Console, readings: Sequence[Reading]) -> None:
    """Print readings at a price, what to be wary of, and the ranks over data sets."""
    from bench.show import legends, readings as show
    from bench.show.answers import wary
    from bench.show.fitting import paragraph, room
    from bench.show.printing import print_raw

    for reading in readings:
        print_raw(console, f"\n{show.text(reading, room())}")
        for words in wary(reading):
            print_raw(console, paragraph(words, room()))
    for table in show.over_datasets(readings, room()):
        print_raw(console, f"\n{table}")
    print_raw(console, f"\n{paragraph(legends.of_readings(), room())}")


def print_boards(console: Console, boards: Sequence[Board], store: RunStore) -> None:
    """Print the answer of each board, then the boards, and how to read them."""
    from bench.compare.answers import answer, floors_of
    from bench.show import legends, tables
    from bench.show.answers import sentence
    from bench.show.fitting import paragraph, room
    from bench.show.printing import print_raw

    for board in boards:
        print_raw(console, f"\n{paragraph(sentence(answer(board, floors_of(board, store))), room())}")
        print_raw(console, f"\n{tables.text(board, room())}")
    for words in legends.of_boards(boards):
        print_raw(console, f"\n{paragraph(words, room())}")


def write_all(records: Sequence[Record], tables: Tables, folder: Path, store: RunStore) -> None:
    """Write the tables of some boards and their page."""
    from bench.show import report as page

    tables.write(folder)
    page.write(records, tables, folder, store)


def print_left_out(console: Console, records: Sequence[Record], store: RunStore) -> None:
    """Name the metrics that runs have and boards have not, with the reason."""
    from bench.compare.columns import left_out
    from bench.show.printing import print_raw

    for name, reason in left_out(records, store).items():
        print_raw(console, f"Left out of the boards: {name}: {reason}")


def print_places(console: Console, folder: Path) -> None:
    """Say where tables and page are."""
    from bench.show.printing import print_raw

    print_raw(console, f"Tables: {folder / 'leaderboard'}.{{md,csv,json,tex}}")
    print_raw(console, f"Report: {folder / 'report.html'}")


def require_records(console: Console, scan: Scan, root: Path) -> None:
    """Name what could not be read; BenchError where nothing is left."""
    from bench.show.printing import print_raw, results_flag

    for path, reason in scan.unreadable.items():
        print_raw(console, f"unreadable, left alone: {path}: {reason}")
    if scan.unreadable:
        total = len(scan.unreadable) + len(scan.records)
        print_raw(console, f"{len(scan.unreadable)} of {total} records cannot be read.")
    if not scan.records:
        command = f"`python -m bench run --models all{results_flag(root)}`"
        raise BenchError(f"No records that can be read in '{root}'. Make some: {command}.")


@contextmanager
def _opened(results: Path) -> Iterator[tuple[Console, RunStore, Scan]]:
    """A results folder read, and what of it is missing or unreadable said. BenchError where there are no records."""
    from bench.cluster.status import missing
    from bench.show.printing import make_console, print_raw, results_flag
    from bench.store.runs import RunStore

    gc.disable()  # a million numbers and no cycle among them: a tenth of the time would go into looking for some
    try:
        console, store = make_console(), RunStore(results)
        scan = store.scan()
        n_missing, n_submitted = missing(store)
        if n_missing:
            where = f"`python -m bench status{results_flag(store.root)}` says where they are"
            print_raw(console, f"{n_missing} of {n_submitted} submitted runs have no record yet; {where}.")
        require_records(console, scan, results)
        yield console, store, scan
    finally:
        gc.enable()
