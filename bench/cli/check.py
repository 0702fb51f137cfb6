"""`bench check`: whether somebody's model, metric or data set keeps the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.app import EXIT_FAILED, app, say
from bench.cli.options import DataDir


@app.command()
def check(
    reference: Annotated[str, typer.Argument(metavar="FILE:OBJECT", help="Or package.module:Object, or a name.")],
    data_dir: DataDir = Path("data"),
) -> None:
    """Try a model, a metric or a data set: shapes, order, batches, gradients, save and load; say what is wrong."""
    from bench.execute.contract import check_object
    from bench.show.fitting import paragraph, room

    outcomes = check_object(reference, data_dir)
    for outcome in outcomes:
        say(paragraph(f"{'ok  ' if not outcome.problem else 'FAIL'}  {outcome.what}", room()))
        if outcome.problem:
            say(paragraph(f"      {outcome.problem}", room()))
    n_failed = sum(bool(outcome.problem) for outcome in outcomes)
    say(f"{len(outcomes) - n_failed} of {len(outcomes)} checks passed.")
    raise typer.Exit(EXIT_FAILED if n_failed else 0)
