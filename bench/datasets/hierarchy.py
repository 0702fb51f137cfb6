"""Synthetic vectors from a hierarchy of 20 known atoms (after Costa et al. 2025, arXiv 2506.03093).

11 parents are on independently. Three of them have 3 children each; at most one child is on, and only with its parent:
E[L0] = 3 * 0.2 * (1 + 0.6) + 8 * 0.05 = 1.36. An input is the sum of the active atoms, each with an amplitude of
N(1.5, 0.25^2).

Atoms of one group (the 11 parents; the 3 children of one parent) are correlated by mixing each orthonormal feature
with the mean of the others of its group. With the published mixing weights, the cosines computed here agree with the
published ones to within 0.001: 0, 0.1, ..., 0.8, for siblings and for parents. Atoms of different groups remain
orthogonal.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Dataset, DatasetSource, Split

VERSION = "hierarchy 1"
SEED = 0
SIZES = (200_000, 10_000, 10_000)
FAMILIES, CHILDREN, LEAVES = 3, 3, 8
N_PARENTS = FAMILIES + LEAVES
FAMILY_RATE, LEAF_RATE, CHILD_RATE = 0.2, 0.05, 0.2
AMPLITUDE, DEVIATION = 1.5, 0.25
SCALE = 8  # see `inputs`
# Weight of the other atoms of a group in an atom, for cosines of 0, 0.1, ..., 0.8 within the group.
SIBLING_MIXING = (0.0, 0.0895, 0.163, 0.226, 0.282, 0.3335, 0.3825, 0.431, 0.482)
PARENT_MIXING = (0.0, 0.3, 0.44, 0.529, 0.594, 0.6467, 0.692, 0.733, 0.7739)

GROUPS = np.repeat(np.arange(1 + FAMILIES), [N_PARENTS] + [CHILDREN] * FAMILIES)  # 0: parents; 1 to 3: siblings
PARENTS = np.where(GROUPS == 0, -1, GROUPS - 1)
N_ATOMS = len(GROUPS)


class Hierarchy(DatasetSource):
    """200,000 / 10,000 / 10,000 vectors of orthonormal atoms; the class is the first family that is on, or none."""

    correlation: ClassVar[float] = 0.0

    def checksum(self, data_dir: Path) -> str:
        tree = (FAMILIES, CHILDREN, LEAVES, FAMILY_RATE, LEAF_RATE, CHILD_RATE)
        key = (VERSION, SEED, SIZES, tree, AMPLITUDE, DEVIATION, SCALE, _mixing(self.correlation))
        return hashlib.sha256(repr(key).encode()).hexdigest()

    def load(self, data_dir: Path) -> Dataset:
        gates, amplitudes = sample(sum(SIZES))
        directions = atoms(self.correlation)
        arrays = inputs(amplitudes, directions), families(gates), gates
        parts = (torch.from_numpy(array).split(SIZES) for array in arrays)
        train, validation, test = (Split(x, labels, {"gates": on}) for x, labels, on in zip(*parts, strict=True))
        truth: dict[str, Tensor | tuple[str, ...]] = {
            "true_atoms": torch.from_numpy(directions.astype(np.float32)),
            "parents": torch.from_numpy(PARENTS),
            "gate_names": gate_names(),
        }
        names = ("none", *(f"family {letter}" for letter in "ABC"))
        return Dataset(train, validation, test, (4, 5), names, truth=truth)


class CorrelatedHierarchy(Hierarchy):
    """The same gates and amplitudes; atoms have a cosine of 0.6 with the other atoms of their group."""

    correlation: ClassVar[float] = 0.6


def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Gates (N, 20), parents first, and amplitudes, 0 where a gate is off. Each from its own stream of numbers."""
    of_parents, of_children, of_amplitudes, _ = _streams()
    rates = np.repeat([FAMILY_RATE, LEAF_RATE], [FAMILIES, LEAVES])
    parents = of_parents.random((n, N_PARENTS)) < rates
    child = np.floor(of_children.random((n, FAMILIES)) / CHILD_RATE)  # 3 and above: none
    one_hot = child[:, :, None] == np.arange(CHILDREN)
    gates = np.concatenate([parents, (parents[:, :FAMILIES, None] & one_hot).reshape(n, -1)], axis=1)
    return gates, gates * (AMPLITUDE + DEVIATION * of_amplitudes.standard_normal((n, N_ATOMS)))


def atoms(correlation: float) -> np.ndarray:
    """Unit rows (20, 20): a rotated orthonormal basis, mixed within each group."""
    # The Q of a normal matrix is a uniformly random rotation or reflection once the signs of R are taken out of it.
    basis, triangle = np.linalg.qr(_streams()[3].standard_normal((N_ATOMS, N_ATOMS)))
    basis = basis * np.sign(np.diag(triangle))
    siblings, parents = _mixing(correlation)
    weight = np.where(GROUPS == 0, parents, siblings)[:, None]
    others = (GROUPS[:, None] == GROUPS) & ~np.eye(N_ATOMS, dtype=bool)
    mixed = (1 - weight) * basis + weight * (others / others.sum(1, keepdims=True)) @ basis
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True))


def inputs(amplitudes: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The sums of active atoms as inputs in [0, 1]: 0.5 + sum / SCALE, clipped.

    SCALE is the smallest power of two that clips fewer than 1 entry in 10,000 of either set: it clips none of the
    orthonormal set and 2.5 in a million of the correlated one. A scale of 4 would clip 2.9 and 20 in 10,000.
    """
    return np.asarray(np.clip(0.5 + amplitudes @ directions / SCALE, 0, 1), np.float32)


def families(gates: np.ndarray) -> np.ndarray:
    """The first family that is on, 1 to 3, or 0: (N,) int64."""
    on = gates[:, :FAMILIES]
    return np.where(on.any(1), 1 + on.argmax(1), 0)


def gate_names() -> tuple[str, ...]:
    """Families A to C, leaves L1 to L8, and the children A1 to C3."""
    letters = "ABC"[:FAMILIES]
    leaves = (f"L{i + 1}" for i in range(LEAVES))
    return (*letters, *leaves, *(f"{letter}{i + 1}" for letter in letters for i in range(CHILDREN)))


def _mixing(correlation: float) -> tuple[float, float]:
    """Mixing weights of siblings and of parents for a cosine in the tables above."""
    index = round(10 * correlation)
    return SIBLING_MIXING[index], PARENT_MIXING[index]


def _streams() -> list[np.random.Generator]:
    """Independent streams of random numbers, one per purpose: the first n samples do not depend on how many follow."""
    return [np.random.Generator(np.random.PCG64(seed)) for seed in np.random.SeedSequence(SEED).spawn(4)]
