"""Images as arrays of bytes, of one size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from bench.errors import BenchError, first_line

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 48
"""Of a small picture."""


def alike(pictures: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Pictures as one array, grey ones in three channels where others are in colour. BenchError for unlike sizes."""
    if not all(picture.ndim == 2 for picture in pictures):
        pictures = [np.repeat(picture[None], 3, 0) if picture.ndim == 2 else picture for picture in pictures]
    odd = next((i for i, picture in enumerate(pictures) if picture.shape != pictures[0].shape), None)
    if odd is not None:
        sizes = [" x ".join(map(str, pictures[i].shape[-2:])) for i in (0, odd)]
        raise BenchError(
            f"Images of one size are needed: '{names[0]}' has {sizes[0]} pixels, '{names[odd]}' {sizes[1]}. "
            "Scale or crop them first."
        )
    return np.stack(pictures)


@contextmanager
def opened(source: Path | BinaryIO) -> Iterator[Image]:
    """An image file. OSError where it does not open, whatever is wrong with it, or what is done with it fails."""
    from PIL import Image

    try:
        with Image.open(source) as image:
            yield image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise OSError(first_line(str(error))) from error


def open_image(source: Path | BinaryIO, name: str, grey: bool = False) -> np.ndarray:
    """(H, W) of a grey image, or of any where `grey` asks for luminance; else (3, H, W); bytes.

    BenchError with its name where it does not open.
    """
    try:
        with opened(source) as image:
            grey = grey or image.mode in ("1", "L", "LA")
            pixels = np.asarray(image.convert("L" if grey else "RGB"))
    except OSError as error:
        raise BenchError(
            f"The image '{name}' does not open ({first_line(str(error))}); repair it or move it away."
        ) from error
    return pixels if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def small_picture(folder: Path, name: str) -> np.ndarray:
    """The middle of an image in a folder, (48, 48, 3) float32 in [0, 1]; grey where it does not open."""
    from PIL import ImageOps

    path = (folder / name).resolve()
    try:
        if not path.is_relative_to(folder.resolve()):
            raise OSError(f"'{name}' is not in '{folder}'")
        with opened(path) as image:
            pixels = np.asarray(ImageOps.fit(image.convert("RGB"), (SIDE, SIDE)), np.float32)
    except OSError:
        return np.full((SIDE, SIDE, 3), 0.5, np.float32)
    return pixels / 255
