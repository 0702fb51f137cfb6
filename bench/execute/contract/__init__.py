"""The contract of plug-ins, as checks of somebody's model, metric or data set."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Outcome(NamedTuple):
    """What one check says."""

    what: str
    """What was tried, in words."""
    problem: str = ""
    """What is wrong, and how to mend it; "" where nothing is."""


def check_object(reference: str, data_dir: Path) -> list[Outcome]:
    """Try everything that the harness will ask of a plug-in."""
    raise NotImplementedError
