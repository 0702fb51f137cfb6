"""`bench table`: a table for a paper."""

from __future__ import annotations

from typing import Annotated

import typer

from bench import RESULTS
from bench.cli.app import app, say
from bench.cli.boards import build_tables
from bench.cli.options import ResultsDir
from bench.cli.readings import At, Columns
from bench.errors import BenchError, unknown

Rows = Annotated[str | None, typer.Option(help="Models or rows to show, in this order; commas between. Default: all.")]


@app.command()
def table(
    at: At = None,
    rows: Rows = None,
    columns: Columns = None,
    form: Annotated[str, typer.Option("--format", help="markdown, latex or csv.")] = "markdown",
    caption: Annotated[str, typer.Option(help="Default: what the table is of, and how it is read.")] = "",
    label: Annotated[str, typer.Option(help="latex: what \\ref calls it.")] = "",
    results: ResultsDir = RESULTS,
) -> None:
    """Print tables for a paper, one for each data set and price: models at an equal price."""
    from bench.api.boards import readings_at
    from bench.plan.request import comma_separated
    from bench.show.papers import FORMATS, paper
    from bench.store.runs import RunStore

    if form not in FORMATS:
        raise unknown("--format", form, FORMATS)
    store = RunStore(results)
    records = store.scan().records
    if not records:
        raise BenchError(f"No records that can be read in '{results}'; `python -m bench run` makes some.")
    names = comma_separated(rows or "")
    found = readings_at(build_tables(records, store).boards, store, at, columns, names)
    say(paper(found, names, form, caption, label))
