"""A folder of images, a subfolder a class, as samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bench.datasets.pictures import alike, open_image
from bench.datasets.readers import Samples

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""Extensions of images."""


def images_in(folder: Path) -> list[Path]:
    """The images in a folder and in its subfolders, in the order of their paths."""
    files = (file for file in folder.rglob("*") if file.suffix.lower() in IMAGES and not file.name.startswith("."))
    return sorted(file for file in files if file.is_file())


def read_images(folder: Path) -> Samples:
    """All images of a folder: (N, H, W) where all are grey, else (N, 3, H, W), as bytes; the class is the subfolder.

    Raises
    ------
    BenchError
        An image does not open, or two have different sizes: what is measured is never chosen in silence.
    """
    files = images_in(folder)
    classes = [file.relative_to(folder).parts[0] if file.parent != folder else "" for file in files]
    labels = np.array(classes) if any(classes) else None
    pictures = alike([open_image(file, str(file)) for file in files], [str(file) for file in files])
    return Samples(torch.from_numpy(pictures), labels, names=names_in(folder, files))


def names_in(folder: Path, files: Sequence[Path]) -> tuple[str, ...]:
    """The paths of files from their folder."""
    return tuple(file.relative_to(folder).as_posix() for file in files)
