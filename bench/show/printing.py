"""How the verbs write on a terminal."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console

from bench import RESULTS
from bench.errors import printable


def make_console() -> Console:
    """A console on standard output that colours nothing by itself."""
    return Console(highlight=False)


def print_raw(console: Console, text: str) -> None:
    """Print without markup or wrapping (a wide table stays a table). What a terminal would obey is shown, not sent."""
    console.print(printable(text), markup=False, soft_wrap=True)


def results_flag(root: Path) -> str:
    """` --results DIR` as a shell takes it; nothing for the default."""
    return "" if root == RESULTS else f" --results {shlex.quote(str(root))}"
