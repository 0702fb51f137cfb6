"""Whether atoms of image patches are oriented filters: the share that a Gabor function fits, and its orientations."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import least_squares
from torch import Tensor

from metrics.base import NotApplicable, metric
from metrics.matrix import spread

MAX_ATOMS = 200
"""Atoms that are fitted, evenly spaced: a fit takes some hundredths of a second."""
GOOD = 0.8
"""R^2 from which on an atom counts as a Gabor."""
BINS = 8
"""Of orientations, 22.5 degrees each."""
LEAST_WIDTH = 0.8
"""Standard deviation of the envelope in pixels, at least: a single pixel is no filter."""
EVALUATIONS = 60
OLSHAUSEN = "Olshausen & Field 1996; fits as of Ringach 2002"


@metric(label="Gabor atoms", direction="none", range="[0, 1]", source=OLSHAUSEN)
def gabor_atoms(atoms: Tensor, patch_side: int) -> dict[str, float] | NotApplicable:
    """Share of atoms that a Gabor function fits with R^2 of at least 0.8, and how evenly their orientations lie.

    A Gabor is a Gaussian envelope, with axes along and across, times a wave; R^2 = 1 - ||a - g||^2 / ||a||^2. The key
    `orientations` is the entropy of the fitted orientations in bins of 22.5 degrees, over that of even ones: 1 for all
    alike often, 0 for a single one; it is left out where fewer than 8 atoms are fitted. Of 200 evenly spaced atoms
    where there are more, but for atoms of zeros. A blob, and an even grey, are Gabors without a wave: they count in the
    share, and with an orientation that means nothing.
    """
    if patch_side**2 != atoms.shape[1]:
        return NotApplicable(f"atoms of {atoms.shape[1]} values are no patches of side {patch_side}")
    shown = [atom for atom in spread(atoms, MAX_ATOMS).double().cpu().numpy() if np.any(atom)]
    if not shown:
        return NotApplicable("all atoms are zero")
    fits = [fit_gabor(atom.reshape(patch_side, patch_side)) for atom in shown]
    angles = [angle for share, angle in fits if share >= GOOD]
    found = {"": len(angles) / len(shown)}
    if len(angles) >= BINS:
        shares = np.bincount((np.array(angles) * BINS / math.pi).round().astype(int) % BINS) / len(angles)
        found["orientations"] = float(-sum(p * math.log(p) for p in shares if p > 0) / math.log(BINS))
    return found


def fit_gabor(atom: np.ndarray) -> tuple[float, float]:
    """R^2 of the Gabor function that fits an atom (S, S) best, and the orientation of its wave in [0, pi).

    Amplitude and phase are linear, and solved for; position, widths, frequency and orientation are searched for from
    the centre of the atom's energy, and from the peak of its spectrum.
    """
    side = len(atom)
    y, x = np.mgrid[:side, :side].astype(float)
    start = _start(atom, x, y)
    low = [-1.0, -1.0, math.log(LEAST_WIDTH), math.log(LEAST_WIDTH), -0.75, -0.75]
    high = [side, side, math.log(2 * side), math.log(2 * side), 0.75, 0.75]

    def residual(parameters: np.ndarray) -> np.ndarray:
        waves = _waves(parameters, x, y)
        weights = np.linalg.lstsq(waves, atom.ravel(), rcond=None)[0]
        left: np.ndarray = waves @ weights - atom.ravel()
        return left

    fit = least_squares(residual, np.clip(start, low, high), bounds=(low, high), max_nfev=EVALUATIONS)
    return 1 - 2 * fit.cost / float((atom**2).sum()), math.atan2(fit.x[5], fit.x[4]) % math.pi


def _start(atom: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[float]:
    """Centre (2), log widths along and across the wave (2), and frequency in cycles a pixel (2), by moments."""
    energy = atom**2 / (atom**2).sum()
    cx, cy = float((energy * x).sum()), float((energy * y).sum())
    width = math.sqrt(max(LEAST_WIDTH, float((energy * ((x - cx) ** 2 + (y - cy) ** 2)).sum())))
    padded = 4 * len(atom)
    spectrum = np.abs(np.fft.rfft2(atom, (padded, padded)))
    row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
    return [cx, cy, math.log(width), math.log(width), column / padded, float(np.fft.fftfreq(padded)[row])]


def _waves(parameters: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The envelope times cosine and sine, (S^2, 2)."""
    cx, cy, along, across, fx, fy = parameters
    norm = math.hypot(fx, fy) or 1.0
    u, v = (x - cx) * fx + (y - cy) * fy, ((y - cy) * fx - (x - cx) * fy) / norm
    envelope = np.exp(-0.5 * (u / norm / math.exp(along)) ** 2 - 0.5 * (v / math.exp(across)) ** 2)
    return np.stack([(envelope * wave(2 * math.pi * u)).ravel() for wave in (np.cos, np.sin)], axis=1)
