"""Whitened patches of natural images, from any folder of photographs (Olshausen & Field 1996).

Each image, as luminance, is filtered by R(f) = f exp(-(f / f0)^4), f0 = 0.4 cycles a pixel: it flattens the spectrum
of natural images, and leaves out what lies between the pixels' grid. All are scaled so that the variance of the
training images is 0.1 on average, as theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bench.datasets.base import Dataset, Split
from bench.datasets.image_folder import images_in, names_in
from bench.datasets.pictures import open_image
from bench.datasets.progress import followed
from bench.datasets.splitting import stratified
from bench.errors import BenchError

VERSION = "patches 1"
"""Of what is computed; part of the checksum."""
SIZES = (50_000, 5_000, 5_000)
"""Patches of each split."""
CUTOFF = 0.4
"""f0 in cycles a pixel: theirs is 200 in a picture of 512 pixels."""
VARIANCE = 0.1
"""Mean variance of the whitened training images."""
BORDER = 4
"""Pixels at each edge that no patch takes: the filter joins opposite edges."""
LEAST_IMAGES = 6
"""For a split of its own, an image is needed for each of validation and test."""
SEED = 0


def read_patches(folder: Path, side: int) -> Dataset:
    """Patches (N, side^2) at random places of the images of a folder, the same number of each, give or take one.

    Images go into one split whole, so that no patch of the test split overlaps one of the others. A patch is called by
    the path of its image.

    Raises
    ------
    BenchError
        There are fewer than six images, one does not open, or one is too small for a patch.
    """
    files = images_in(folder)
    if len(files) < LEAST_IMAGES:
        raise BenchError(
            f"'{folder}' has {len(files)} images; patches need {LEAST_IMAGES} or more, some for each split."
        )
    parts = [part.tolist() for part in stratified(torch.zeros(len(files)))]
    streams = np.random.SeedSequence(SEED).spawn(len(files))
    counts = dict(_shares(parts))
    names = names_in(folder, files)
    patches, variances = {}, {}
    for i, file in enumerate(followed(f"Whitening {len(files):,} images", files, len(files))):
        white = whitened(open_image(file, str(file), grey=True).astype(np.float64) / 255)
        variances[i] = white.var()
        rng = np.random.Generator(np.random.PCG64(streams[i]))
        patches[i] = _cut(white, side, counts[i], rng, names[i])
    scale = np.sqrt(VARIANCE / max(1e-12, np.mean([variances[i] for i in parts[0]])))
    train, validation, test = (
        Split(
            torch.from_numpy(scale * np.concatenate([patches[i] for i in part])).float(),
            torch.full((sum(counts[i] for i in part),), -1),
            names=tuple(names[i] for i in part for _ in range(counts[i])),
        )
        for part in parts
    )
    return Dataset(train, validation, test, (side, side), (), truth={"patch_side": side})


def _shares(parts: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Image -> how many patches it gives."""
    return [
        (image, size // len(part) + (place < size % len(part)))
        for part, size in zip(parts, SIZES, strict=True)
        for place, image in enumerate(part)
    ]


def whitened(image: np.ndarray) -> np.ndarray:
    """An image (H, W), filtered by R(f) = f exp(-(f / f0)^4)."""
    frequency = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1]))
    spectrum = np.fft.rfft2(image) * frequency * np.exp(-((frequency / CUTOFF) ** 4))
    return np.fft.irfft2(spectrum, image.shape)


def _cut(image: np.ndarray, side: int, n: int, rng: np.random.Generator, name: str) -> np.ndarray:
    """Patches (n, side^2) at random places of an image."""
    room = [size - 2 * BORDER - side for size in image.shape]
    if min(room) < 0:
        raise BenchError(
            f"'{name}' has {' x '.join(map(str, image.shape))} pixels; patches of side {side} need {side + 2 * BORDER} "
            "or more in each direction. Move it away, or ask for smaller ones."
        )
    rows, columns = (BORDER + rng.integers(0, free + 1, n) for free in room)
    windows = np.lib.stride_tricks.sliding_window_view(image, (side, side))
    return windows[rows, columns].reshape(n, side * side)
