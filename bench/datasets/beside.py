"""What lies beside a file or a folder of inputs: acts.labels.npy, acts.classes.txt, acts.categories.txt, ..."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.unreadable import unreadable

TEXTS = {".classes.txt": "class_names", ".categories.txt": "categories", ".names.txt": "names"}
"""End of a file's name -> the field of `bench.datasets.readers.Samples` that it gives, a line each."""
ENDS = (".labels.npy", ".labels.txt", *TEXTS)
"""Of all such files."""


def companions(path: Path) -> list[Path]:
    """The files beside a file or a folder that say more of it."""
    return [file for end in ENDS if (file := _companion(path, end)).is_file()]


def _companion(path: Path, end: str) -> Path:
    return Path(f"{path.resolve() if path.is_dir() else path.with_suffix('')}{end}")


def beside(path: Path) -> dict[str, Any]:
    """Field -> what the files beside a path say of it. BenchError where one cannot be read."""
    found: dict[str, Any] = {}
    for file in companions(path):
        try:
            if file.suffix == ".npy":
                found["labels"] = np.load(file, allow_pickle=False)
                continue
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError, EOFError) as error:
            raise unreadable(file, error) from error
        field = next((field for end, field in TEXTS.items() if file.name.endswith(end)), "")
        if field:
            found[field] = tuple(lines)
        else:
            found.setdefault("labels", np.array(lines))
    return found
