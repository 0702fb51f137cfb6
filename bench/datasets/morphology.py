"""Measured shape of images of strokes: area, length, thickness, slant, width and height.

The measures of Morpho-MNIST (Castro et al. 2019, arXiv 1809.10235): each image is enlarged, binarised at half of its
range and thinned to its skeleton. All arithmetic on pixels is exact, so that a measure depends on its image alone, not
on the images measured with it. The images of a chunk are stacked into one tall image, a montage, as scikit-image and
scipy take milliseconds per call; both release the GIL, so that threads use all cores.

Images without strokes, such as clothing, are measured in the same way: the brighter half of their range counts as
foreground, holes and patterns included.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.ndimage import distance_transform_edt
from skimage.morphology import skeletonize

from bench.datasets.progress import followed

MEASURES = ("area", "length", "thickness", "slant", "width", "height")
METHOD = "morphology 1"
"""Version of the method, for caches: raise it when the numbers change."""

SCALE = 4
CHUNK = 250  # images of a montage: 28x28 images need about 100 MB per thread
MAX_THREADS = 8


def measure(images: np.ndarray, threads: int | None = None, what: str = "Measuring images") -> np.ndarray:
    """Measures of grey images of bright strokes on a dark ground.

    Parameters
    ----------
    images : np.ndarray
        (N, H, W) uint8.
    threads : int, optional
        Number of threads; by default one per core, at most 8. The result does not depend on it.
    what : str
        What those who follow its progress are told of it.

    Returns
    -------
    np.ndarray
        (N, 6) float32, columns MEASURES, zeros where an image is blank (of one grey value). In pixels of the image:
        area of the foreground in square pixels; length of the skeleton; thickness, the mean over the skeleton of twice
        the distance to the background; width and height of the bounding parallelogram that has the image's slant.
        Slant in radians, the angle of the horizontal shear that makes it upright: positive where the top leans right.

    Raises
    ------
    ValueError
        If the images have another type or shape.
    """
    if images.dtype != np.uint8 or images.ndim != 3 or 0 in images.shape[1:]:
        raise ValueError(f"Expected uint8 images of shape (N, H, W); found {images.dtype} of shape {images.shape}.")
    chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
    with ThreadPoolExecutor(threads or min(len(os.sched_getaffinity(0)), MAX_THREADS)) as pool:
        measures = followed(what, pool.map(_measure_chunk, chunks), len(chunks))
        return np.concatenate([np.zeros((0, len(MEASURES)), np.float32), *measures])


def _measure_chunk(images: np.ndarray) -> np.ndarray:
    foreground = _binarise(images)
    length, thickness = _stroke(foreground)
    area = np.count_nonzero(foreground, axis=(1, 2))
    shear = _shear(foreground)
    width, height = _extent(foreground, shear)
    columns = (area / SCALE**2, length / SCALE, thickness / SCALE, np.arctan(shear), width / SCALE, height / SCALE)
    return np.stack(columns, axis=1).astype(np.float32)


def _binarise(images: np.ndarray) -> np.ndarray:
    """Foreground of the enlarged images (N, 4 H + 2, 4 W + 2) bool: a frame of background keeps images apart."""
    rows, columns = (_interpolation(n) for n in images.shape[1:])
    enlarged = rows @ images.astype(np.float32) @ columns.T
    low, high = (bound(images, axis=(1, 2), keepdims=True).astype(np.float32) for bound in (np.min, np.max))
    return np.pad(enlarged > (low + high) / 2, ((0, 0), (1, 1), (1, 1)))


def _interpolation(n: int) -> np.ndarray:
    """Linear interpolation of n pixels as a matrix (4 n, n): weights in eighths, so that float32 makes no error."""
    centres = np.clip((np.arange(SCALE * n) + 0.5) / SCALE - 0.5, 0, n - 1)
    weights: np.ndarray = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(n)))
    return weights.astype(np.float32)


def _stroke(foreground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Length and thickness (N,) of the skeletons, in enlarged pixels."""
    montage = foreground.reshape(-1, foreground.shape[2])
    skeleton = skeletonize(montage)
    # Distances are needed only on the skeleton; computing them everywhere is most of the cost of the transform.
    nearest = distance_transform_edt(montage, return_distances=False, return_indices=True)
    points = np.stack(np.nonzero(skeleton))
    distance = np.sqrt(np.square(nearest[:, *points] - points).sum(axis=0))
    image = points[0] // foreground.shape[1]
    total = np.bincount(image, distance, minlength=len(foreground))
    count = np.bincount(image, minlength=len(foreground))
    return _path_length(skeleton.reshape(foreground.shape)), 2 * total / np.maximum(count, 1)


def _path_length(skeleton: np.ndarray) -> np.ndarray:
    """Length (N,): a step counts 1 along rows and columns, sqrt 2 along diagonals (at most 8% too long, at 22.5°).

    A diagonal does not count if two orthogonal steps join its ends, as at corners and junctions.
    """
    upper, lower = skeleton[:, :-1], skeleton[:, 1:]
    a, b, c, d = upper[..., :-1], upper[..., 1:], lower[..., :-1], lower[..., 1:]  # the 2x2 windows: a b over c d
    diagonal = (a & d & ~(b | c)) | (b & c & ~(a | d))
    along_rows, along_columns, diagonals = (
        np.count_nonzero(steps, axis=(1, 2))
        for steps in (skeleton[..., :-1] & skeleton[..., 1:], upper & lower, diagonal)
    )
    length: np.ndarray = along_rows + along_columns + np.sqrt(2) * diagonals
    return length


def _shear(foreground: np.ndarray) -> np.ndarray:
    """Shift to the right per row upwards (N,): -u11 / u02 of the central moments, 0 where there is one row or none."""
    x, y = (np.arange(n, dtype=float) for n in (foreground.shape[2], foreground.shape[1]))
    row_area, row_x = np.moveaxis(foreground @ np.stack([np.ones_like(x), x], axis=1), 2, 0)
    area = np.maximum(row_area.sum(axis=1), 1)
    minus_u11 = row_x.sum(axis=1) * (row_area @ y) / area - row_x @ y
    u02 = row_area @ y**2 - (row_area @ y) ** 2 / area
    one_row = np.count_nonzero(row_area, axis=1) < 2
    return np.where(one_row, 0, minus_u11 / np.where(one_row, 1, u02))


def _extent(foreground: np.ndarray, shear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Width and height (N,) of the foreground once its shear is undone, in enlarged pixels."""
    occupied = np.any(foreground, axis=2)
    n_rows, n_columns = foreground.shape[1:]
    shift = shear[:, None] * np.arange(n_rows)
    left = np.where(occupied, foreground.argmax(axis=2) + shift, np.inf).min(axis=1)
    right = np.where(occupied, n_columns - foreground[..., ::-1].argmax(axis=2) + shift, -np.inf).max(axis=1)
    height = n_rows - occupied[:, ::-1].argmax(axis=1) - occupied.argmax(axis=1)
    blank = ~np.any(occupied, axis=1)
    return np.where(blank, 0, right - left), np.where(blank, 0, height)
