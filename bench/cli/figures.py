"""`bench figures`: runs drawn for a paper."""

from __future__ import annotations

from bench import RESULTS
from bench.cli.app import app
from bench.cli.options import Out, ResultsDir, RunIds
from bench.errors import counted


@app.command()
def figures(runs: RunIds = None, results: ResultsDir = RESULTS, out: Out = None) -> None:
    """Draw runs for a paper, as PNG and PDF: by default the lowest seed of each row, and what compares them."""
    from bench.show.figures.command import write_figures
    from bench.show.printing import make_console, print_raw
    from bench.store.runs import RunStore

    console, folder = make_console(), out or results / "figures"
    written = write_figures(runs or [], RunStore(results), folder, lambda line: print_raw(console, line))
    print_raw(console, f"{counted(len(written), 'file')} in {folder}")
