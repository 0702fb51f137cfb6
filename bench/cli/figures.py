"""`bench figures`: runs drawn for a paper."""

from __future__ import annotations

from typing import Annotated

import typer

from bench import RESULTS
from bench.cli.app import app
from bench.cli.options import Out, ResultsDir, RunIds
from bench.errors import counted

Only = Annotated[
    str | None, typer.Option(help="Names of figures, such as atoms,front-fvu; commas between. Default: all.")
]
Formats = Annotated[str, typer.Option("--format", help="png, pdf or svg, or several; commas between.")]


@app.command()
def figures(
    runs: RunIds = None, only: Only = None, formats: Formats = "png", results: ResultsDir = RESULTS, out: Out = None
) -> None:
    """Draw runs for a paper: by default the lowest seed of each row, and what compares them."""
    from bench.plan.request import comma_separated
    from bench.show.figures.command import write_figures
    from bench.show.printing import make_console, print_raw
    from bench.store.runs import RunStore

    console, folder = make_console(), out or results / "figures"
    asked = [comma_separated(only or ""), comma_separated(formats)]
    written = write_figures(runs or [], RunStore(results), folder, lambda line: print_raw(console, line), *asked)
    print_raw(console, f"{counted(len(written), 'file')} in {folder}")
