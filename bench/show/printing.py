"""How the verbs write on a terminal."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console

from bench import RESULTS


def make_console() -> Console:
    """A console on standard output that colours nothing by itself."""
    return Console(highlight=False)


def print_raw(console: Console, text: str) -> None:
    """Print as it is: no markup, no wrapping (a wide table stays a table)."""
    console.print(text, markup=False, soft_wrap=True)


def results_flag(root: Path) -> str:
    """` --results DIR` as a shell takes it; nothing for the default."""
    return "" if root == RESULTS else f" --results {shlex.quote(str(root))}"
