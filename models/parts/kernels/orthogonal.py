"""Orthogonal matching pursuit: a program carries one sample, through all steps by the Gram matrix or through one.

Both find what `models.parts.orthogonal_pursuit` does: of each sample, A = L Q of its atoms A, and c = Q r. An atom that
is refused has a one on L's diagonal, and nothing else in its row of L, in Q or in c.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from models.parts.kernels.pursuit import nan_first

WIDEST = 4096
"""Correlations that a program reads at a time."""

TILE = 8192
"""Numbers of earlier directions that a program carries at a time."""


@triton.jit
def _pursue(correlations, gram, rounding, directions, lower, along, indices, n_atoms, k, dependent,
            BLOCK: tl.constexpr, STEPS: tl.constexpr, ROWS: tl.constexpr):  # fmt: skip
    sample = tl.program_id(0).to(tl.int64)
    directions += sample * k * n_atoms
    atoms, steps = tl.arange(0, BLOCK), tl.arange(0, STEPS)
    inside = atoms < n_atoms
    untried = inside
    c = tl.load(correlations + sample * n_atoms + atoms, mask=inside, other=0.0)
    least = tl.load(rounding + sample)
    for step in range(k):
        best = tl.argmax(nan_first(tl.abs(c)), axis=0).to(tl.int64)
        value = tl.sum(tl.where(atoms == best, c, 0.0), axis=0)
        overlaps = tl.load(directions + steps * n_atoms + best, mask=steps < step, other=0.0)
        distance = 1 - tl.sum(overlaps * overlaps, axis=0)
        refused = (tl.abs(value) <= least) | (distance <= dependent)
        length = tl.sqrt(tl.where(refused, 1.0, distance))
        row = tl.where(steps == step, length, tl.where(refused, 0.0, overlaps))
        tl.store(lower + (sample * k + step) * k + steps, row, mask=steps < k)
        rest = tl.load(gram + best * n_atoms + atoms, mask=inside, other=0.0)
        for start in range(0, step, ROWS):
            rows = start + tl.arange(0, ROWS)
            overlap = tl.load(directions + rows * n_atoms + best, mask=rows < step, other=0.0)
            tile = directions + rows[:, None] * n_atoms + atoms[None, :]
            earlier = tl.load(tile, mask=(rows < step)[:, None] & inside[None, :], other=0.0)
            rest -= tl.sum(overlap[:, None] * earlier, axis=0)
        direction = tl.where(refused, 0.0, rest / length)
        part = tl.where(refused, 0.0, value / length)
        tl.store(directions + step * n_atoms + atoms, direction, mask=inside)
        tl.store(along + sample * k + step, part)
        tl.store(indices + sample * k + step, best)
        untried = untried & (atoms != best)
        c = tl.where(untried, c - part * direction, 0.0)
        tl.debug_barrier()  # the direction is there for all threads of the next step


@triton.jit(do_not_specialize=["step"])
def _step(correlations, residual, dictionary, rounding, directions, lower, along, indices, step, n_atoms, width, k,
          dependent, ATOMS: tl.constexpr, BLOCK: tl.constexpr, STEPS: tl.constexpr, ROWS: tl.constexpr):  # fmt: skip
    sample = tl.program_id(0).to(tl.int64)
    correlations += sample * n_atoms
    directions += sample * k * width
    lower += (sample * k + step) * k
    features, steps = tl.arange(0, BLOCK), tl.arange(0, STEPS)
    inside = features < width
    tried = tl.load(indices + sample * k + steps, mask=steps < step, other=0)
    tl.store(correlations + tried, 0.0, mask=steps < step)
    tl.debug_barrier()  # the zeros are there for all threads
    top = -1.0
    best = tl.full((), 0, tl.int64)
    for start in range(0, n_atoms, ATOMS):
        atoms = start + tl.arange(0, ATOMS)
        sizes = nan_first(tl.abs(tl.load(correlations + atoms, mask=atoms < n_atoms, other=0.0)))
        size, position = tl.max(sizes, axis=0, return_indices=True)
        best = tl.where(size > top, start + position, best)
        top = tl.maximum(size, top)
    old = tl.load(residual + sample * width + features, mask=inside, other=0.0)
    new = tl.load(dictionary + best * width + features, mask=inside, other=0.0)
    value = tl.sum(old * new, axis=0)  # in float32, whatever the product's precision is
    rest = new
    squares = tl.zeros((ROWS,), tl.float32)
    for start in range(0, step, ROWS):
        rows = start + tl.arange(0, ROWS)
        tile = directions + rows[:, None] * width + features[None, :]
        earlier = tl.load(tile, mask=(rows < step)[:, None] & inside[None, :], other=0.0)
        overlap = tl.sum(earlier * new[None, :], axis=1)
        squares += overlap * overlap
        rest -= tl.sum(overlap[:, None] * earlier, axis=0)
        tl.store(lower + rows, overlap, mask=rows < step)
    distance = 1 - tl.sum(squares, axis=0)
    refused = (tl.abs(value) <= tl.load(rounding + sample)) | (distance <= dependent)
    length = tl.sqrt(tl.where(refused, 1.0, distance))
    direction = tl.where(refused, 0.0, rest / length)
    part = tl.where(refused, 0.0, value / length)
    tl.debug_barrier()  # all overlaps are stored, of which none counts if the atom is refused
    row = tl.where(steps == step, length, 0.0)
    tl.store(lower + steps, row, mask=(steps >= tl.where(refused, 0, step)) & (steps < k))
    tl.store(directions + step * width + features, direction, mask=inside)
    tl.store(along + sample * k + step, part)
    tl.store(indices + sample * k + step, best)
    tl.store(residual + sample * width + features, old - part * direction, mask=inside)


def by_gram(
    residual: Tensor, atoms: Tensor, gram: Tensor, rounding: Tensor, dependent: float, k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """L (N, k, k), c (N, k) and the atoms (N, k) int64 of k steps, from the Gram matrix (M, M) of atoms (M, D).

    residual (N, D), rounding (N,): a correlation up to this is none; dependent: a squared distance up to this is none.
    """
    results = _results(residual, k, len(atoms))
    block, n_steps = triton.next_power_of_2(len(atoms)), triton.next_power_of_2(k)
    if len(residual):
        correlations = (residual @ atoms.T).contiguous()
        _pursue[(len(residual),)](
            correlations, gram.contiguous(), rounding.contiguous(), *results, len(atoms), k, dependent, BLOCK=block,
            STEPS=n_steps, ROWS=_rows(block, n_steps), num_warps=max(1, min(32, block // 128)),
        )  # fmt: skip
    return results[1:]


def by_residual(
    residual: Tensor, atoms: Tensor, rounding: Tensor, dependent: float, k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The same by a product of the residual with all atoms and one program a sample in each step."""
    n_samples, width = residual.shape
    results, block, n_steps = _results(residual, k, width), triton.next_power_of_2(width), triton.next_power_of_2(k)
    residual, atoms = residual.clone(memory_format=torch.contiguous_format), atoms.contiguous()
    correlations = residual.new_empty(n_samples, len(atoms))
    for step in range(k if n_samples else 0):
        torch.mm(residual, atoms.T, out=correlations)
        _step[(n_samples,)](
            correlations, residual, atoms, rounding.contiguous(), *results, step, len(atoms), width, k, dependent,
            ATOMS=min(WIDEST, triton.next_power_of_2(len(atoms))), BLOCK=block, STEPS=n_steps,
            ROWS=_rows(block, n_steps), num_warps=max(8, min(32, block // 128)),
        )  # fmt: skip
    return results[1:]


def _results(residual: Tensor, k: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Directions (N, k, width), which later steps read, L (N, k, k), c (N, k) and atoms (N, k), not yet written."""
    n = len(residual)
    indices = torch.empty(n, k, dtype=torch.int64, device=residual.device)
    return residual.new_empty(n, k, width), residual.new_empty(n, k, k), residual.new_empty(n, k), indices


def _rows(block: int, n_steps: int) -> int:
    """Earlier directions of `block` numbers that fit the registers of a program."""
    return min(n_steps, 8, max(1, TILE // block))
