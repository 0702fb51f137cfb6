"""Files that a reader sees whole: the old one or the new one, never half of it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write to a temporary name in the same folder, then rename it."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # else a machine that crashes can leave the new name with no content
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def sweep(path: Path) -> None:
    """Remove what a process that was killed was writing under this name."""
    for temporary in path.parent.glob(f".*.{path.name}"):
        temporary.unlink(missing_ok=True)
