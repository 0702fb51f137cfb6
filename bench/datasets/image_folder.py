"""A folder of images, a subfolder a class, as samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from bench.datasets.readers import Samples
from bench.errors import BenchError, first_line

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
    pictures = [_open(file) for file in files]
    if not all(picture.ndim == 2 for picture in pictures):
        pictures = [np.repeat(picture[None], 3, 0) if picture.ndim == 2 else picture for picture in pictures]
    odd = next((i for i, picture in enumerate(pictures) if picture.shape != pictures[0].shape), None)
    if odd is not None:
        sizes = [" x ".join(map(str, pictures[i].shape[-2:])) for i in (0, odd)]
        raise BenchError(
            f"Images of one size are needed: '{files[0]}' has {sizes[0]} pixels, '{files[odd]}' {sizes[1]}. "
            "Scale or crop them first."
        )
    classes = [file.relative_to(folder).parts[0] if file.parent != folder else "" for file in files]
    labels = np.array(classes) if any(classes) else None
    return Samples(torch.from_numpy(np.stack(pictures)), labels)


def _open(file: Path) -> np.ndarray:
    """(H, W) or (3, H, W), bytes."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            grey = image.mode in ("1", "L", "LA")
            pixels = np.asarray(image.convert("L" if grey else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BenchError(
            f"The image '{file}' does not open ({first_line(str(error))}); repair it or move it away."
        ) from error
    return pixels if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))
