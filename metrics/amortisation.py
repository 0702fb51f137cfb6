"""How far a model's encoder is from the best code for its own dictionary: the amortisation gap."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from metrics.base import NotApplicable, metric
from metrics.matrix import Matrix, dense, spread
from metrics.sparse_coding import lasso, pursuit, refit

MAX_SAMPLES = 250
"""Inputs that are coded again, evenly spaced."""

MOST_ACTIVE = 256
"""Most units of one input that are fitted again."""

MOST_UNITS = 4096
"""Largest dictionary that is searched."""

ROUNDING = 1e-3
"""Largest error of atoms times codes, relative to a reconstruction, at which it counts as linear."""


@metric(
    label="amortisation gap",
    direction="min",
    range="(-inf, inf)",
    source="O'Neill, Gumran & Klindt 2025 (2411.13117)",
    against="l0",
)
def amortisation_gap(
    x: Tensor, z: Matrix, atoms: Tensor, decode: Callable[[Tensor], Tensor]
) -> dict[str, float] | NotApplicable:
    """FVU of the codes, minus that of other codes for the same dictionary and for no more units of each input.

    `coefficients`: least squares on the units that the encoder chose, `omp` on those of orthogonal matching pursuit,
    `lasso` on those of the lasso; `best`: the best of these for each input, and so a lower bound on the gap to the best
    code. What `best` has beyond `coefficients` is due to the choice of units. Codes are non-negative where the model's
    are.
    Over 250 evenly spaced inputs. n/a for a decoder that is not linear, over 4,096 units, or 256 active ones.
    """
    if len(atoms) > MOST_UNITS:
        return NotApplicable(f"the dictionary has {len(atoms):,} atoms, and is searched up to {MOST_UNITS:,}")
    x, z = dense(spread(x, MAX_SAMPLES)), dense(spread(z, MAX_SAMPLES)).to(x.device)
    x_hat, bias = decode(z), decode(torch.zeros_like(z[:1])).double()
    budgets = (z != 0).sum(1)
    if budgets.max() > MOST_ACTIVE:
        return NotApplicable(f"an input has {int(budgets.max())} active units, and at most {MOST_ACTIVE} are fitted")
    if not (x != x[0]).any():
        return NotApplicable("all inputs are the same")
    codes, atoms, centred = z.double(), atoms.double(), x.double() - bias
    if (codes @ atoms + bias - x_hat).norm() > ROUNDING * x_hat.double().norm():
        return NotApplicable("the decoder is not linear: a code does not determine what another one would give")
    nonnegative = not bool((z < 0).any())
    supports = {"coefficients": codes, "omp": pursuit(centred, atoms, budgets, nonnegative)}
    supports["lasso"] = lasso(centred, atoms, budgets, nonnegative)
    others = [refit(centred, atoms, support, nonnegative) for support in supports.values()]
    squares = torch.stack([(code @ atoms - centred).square().sum(1) for code in (codes, *others)])
    own, *totals = squares.sum(1).tolist()
    gaps = dict(zip(supports, totals, strict=True)) | {"best": squares.amin(0).sum().item()}
    variance = (centred - centred.mean(0)).square().sum().item()
    return {name: (own - total) / variance for name, total in gaps.items()}
