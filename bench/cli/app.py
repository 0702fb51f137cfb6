"""The command line as a whole: its verbs, and how errors end it."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated

import typer

from bench import __version__
from bench.errors import BenchError, Interrupted, printable
from bench.execute.process import begin, end_in_order
from bench.show.fitting import paragraph, room
from slurm.errors import SlurmError

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    help="Compare sparse latent models: train, evaluate, rank.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

VERBS = (
    "run", "claims", "evaluate", "export", "extract", "check", "listing", "boards", "table", "figures", "runs",
    "verify", "merge", "cluster",
)  # fmt: skip
"""Modules of this package, each with a verb or a few that belong together, in the order of the help."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bench {__version__}")
        raise typer.Exit()


@app.callback()
def _whole(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the command itself."""


def say(text: str) -> None:
    """Print a line. What a terminal would obey is shown, not sent."""
    typer.echo(printable(text))


def main() -> None:
    """Entry point: bad input, or a file system that refuses, is one message and exit status 2."""
    begin()
    end_in_order()
    for verb in VERBS:
        importlib.import_module(f"bench.cli.{verb}")
    # A shell completes the command that is installed, however this one was started.
    name = "bench" if any(word.endswith("-completion") for word in sys.argv) else None
    try:
        app(standalone_mode=True, prog_name=name)
    except (BenchError, SlurmError, OSError) as error:
        width = room() if sys.stderr.isatty() else None  # in a file it is what other programs look for
        typer.echo(paragraph(printable(f"error: {error}"), width), err=True)
        sys.exit(EXIT_USAGE)
    except Interrupted as interruption:
        typer.echo(f"\nInterrupted. {interruption}", err=True)
        sys.exit(EXIT_INTERRUPTED)
