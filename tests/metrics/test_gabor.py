"""Gabor fits: of synthetic filters, noise, blobs and pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from metrics.gabor import fit_gabor, gabor_atoms

SIDE = 12
RNG = np.random.default_rng(0)


def gabor(angle: float, phase: float = 0.5, noise: float = 0.0) -> np.ndarray:
    """A filter of three pixels' width, two lobes or more, off the centre."""
    y, x = np.mgrid[:SIDE, :SIDE] - 5.2
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    filter = np.exp(-0.5 * (u / 2) ** 2 - 0.5 * (v / 3) ** 2) * np.cos(2 * math.pi * u / 5 + phase)
    return filter + noise * filter.std() * RNG.standard_normal(filter.shape)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2, math.pi / 2, 2.7])
def test_a_gabor_is_found_with_its_orientation(angle: float) -> None:
    share, found = fit_gabor(gabor(angle, phase=3 * angle))
    assert share > 0.999
    assert math.cos(2 * (found - angle)) > 0.999
    share, found = fit_gabor(gabor(angle, noise=0.3))
    assert 0.85 < share < 0.97, "the noise has 8% of the energy"
    assert math.cos(2 * (found - angle)) > 0.98


def test_noise_and_single_pixels_are_none() -> None:
    pixel = np.zeros((SIDE, SIDE))
    pixel[4, 7] = 1
    atoms = np.stack([pixel, *RNG.standard_normal((20, SIDE, SIDE))])
    assert max(fit_gabor(atom)[0] for atom in atoms) < 0.7
    assert gabor_atoms(torch.from_numpy(atoms.reshape(21, -1)), SIDE) == {"": 0.0}


def test_the_share_and_the_spread_of_orientations() -> None:
    even = [gabor(i * math.pi / 8) for i in range(8)]
    noise = RNG.standard_normal((8, SIDE, SIDE))
    found = gabor_atoms(torch.from_numpy(np.stack([*even, *noise]).reshape(16, -1)), SIDE)
    assert found == {"": 0.5, "orientations": pytest.approx(1)}
    upright = [gabor(0.1 * (-1) ** phase, phase) for phase in range(8)]  # at 0.1, and at pi - 0.1
    one = torch.from_numpy(np.stack(upright).reshape(8, -1))
    assert gabor_atoms(one, SIDE) == {"": 1.0, "orientations": pytest.approx(0)}
    assert gabor_atoms(one[:3].float(), SIDE) == {"": 1.0}
