"""How far a checkpoint is: the comment at the end of its archive says it, and is read without unpacking anything."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

from bench.store.files import require_regular

FORMAT = "progress {:.4f}"
LENGTH = len(FORMAT.format(0))
MOST_BYTES = 2**40


def note_progress(path: Path, progress: float) -> None:
    """Say in a checkpoint, an archive as torch writes it, how far training is, in [0, 1]."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = FORMAT.format(progress).encode()


def read_progress(path: Path) -> float | None:
    """How far a checkpoint is; None where it does not say, or is none."""
    try:
        require_regular(path, MOST_BYTES)
        with path.open("rb") as file:
            file.seek(-LENGTH, os.SEEK_END)
            words = re.fullmatch(rb"progress (0\.\d{4}|1\.0000)", file.read(LENGTH))
    except OSError:
        return None
    return float(words[1]) if words else None
