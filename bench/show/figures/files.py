"""Figures to files: the same figures give the same bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.show.figures.study import Drawings
from bench.show.figures.style import render
from bench.store.files import write_atomically

FORMATS = ("png", "pdf", "svg")


def save(drawings: Drawings, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Draw each figure and write it as `folder/name.format`, atomically: the same figures give the same bytes."""
    written = []
    for name, draw in drawings.items():
        figure = draw()
        for kind in formats:
            if not all(re.fullmatch(r"\w[\w.@-]*", part) for part in (name, kind)):
                raise ValueError(f"'{name}.{kind}' cannot be a file's name; use letters, digits, '-', '_' and '.'")
            path, content = folder / f"{name}.{kind}", render(figure, kind)
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, partial(Path.write_bytes, data=content))
            written.append(path)
    return written
