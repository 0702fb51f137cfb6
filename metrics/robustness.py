"""How codes and reconstructions change with the budget, with noise, and without a unit."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from metrics.base import Axis, NotApplicable, metric
from metrics.gamma import jaccard_index
from metrics.matrix import Matrix, column_sums, dense, spread
from metrics.reconstruction import fvu

MAX_SAMPLES = 1000
"""Images that are encoded again, evenly spaced."""

NOISE = 0.1
"""Standard deviation of the noise."""

ABLATED = 32
"""Units that are set to zero, one at a time."""

PURSUIT = "Costa et al. 2025 (2506.05239)"
"""Source of the last atom's correlation."""

BUDGETS = "Jacquier et al. 2026 (2606.27321); Costa et al. 2025 (2506.05239)"
"""Source of the evaluation at other budgets."""

FACTORS = {"1/4": 0.25, "1/2": 0.5, "1": 1, "2": 2, "4": 4}
"""Name of a budget -> its ratio to the trained k."""

SHARES = {f"{name}k": factor for name, factor in FACTORS.items()}
"""Key of `inference_fvu` -> ratio of the budget to the trained k."""

Encoder = Callable[[Tensor], Tensor]
"""From inputs to codes, or from codes to inputs."""

BudgetedEncoder = Callable[[Tensor, int], Tensor]
"""From inputs and a number of active units to codes."""


@metric(
    label="FVU at k'",
    direction="min",
    range="[0, inf)",
    source=BUDGETS,
    against="l0",
    curve=Axis.single("k' / k", SHARES, log=True),
)
def inference_fvu(encode_with_budget: BudgetedEncoder, decode: Encoder, x: Tensor, k: int) -> dict[str, float]:
    """FVU with at most k' active units at inference: k' = 1, and k/4, k/2, k, 2k, 4k for the trained k.

    Budgets above M are left out. Over 1,000 evenly spaced images.
    """
    x = dense(spread(x, MAX_SAMPLES))
    largest = encode_with_budget(x[:1], 1).shape[1]
    budgets = {"k'=1": 1} | {name: max(1, round(share * k)) for name, share in SHARES.items()}
    return {
        name: fvu(x, decode(encode_with_budget(x, budget))) for name, budget in budgets.items() if budget <= largest
    }


@metric(label="|last atom . residual|", direction="none", range="[0, inf)", source=PURSUIT)
def last_atom_correlation(
    encode_with_budget: BudgetedEncoder, decode: Encoder, atoms: Tensor, x: Tensor, k: int
) -> float | NotApplicable:
    """Largest correlation of the residual with the last atom, |D_j . (x - x_hat)| / ||x - b||, over images.

    j is the unit whose code the k-th step of encoding changed most, and b the reconstruction of the empty code. 0 for
    matching pursuit, whose residual is orthogonal to the last atom. Over 1,000 evenly spaced images, without those
    where the k-th step changed nothing; n/a if none is left.
    """
    x = dense(spread(x, MAX_SAMPLES))
    codes = encode_with_budget(x, k)
    before = encode_with_budget(x, k - 1) if k > 1 else torch.zeros_like(codes)
    change = (codes - before).abs()
    moved = change.amax(1) > 0
    if not moved.any():
        return NotApplicable("the last step of encoding changes no code")
    last = torch.nn.functional.normalize(atoms[change.argmax(1)].double(), dim=1)
    residual = (x - decode(codes)).double()
    centred = (x - decode(torch.zeros_like(codes[:1]))).double()
    norms = torch.linalg.vector_norm(centred, dim=1).clamp_min(1e-12)
    return float(((last * residual).sum(1).abs() / norms)[moved].max())


@metric(label="selection agreement", direction="max", range="[0, 1]", source="Baker & Li 2025, authors' follow-up")
def selection_agreement(sample: Encoder, x: Tensor) -> float:
    """Jaccard index of the active sets of two stochastic encodings of an image, mean over 1,000 images.

    Two empty sets have index 1. For models whose encoder draws noise in training.
    """
    x = dense(spread(x, MAX_SAMPLES))
    first, second = sample(x) != 0, sample(x) != 0
    both, either = (first & second).sum(1).double(), (first | second).sum(1).double()
    return jaccard_index(both, either).mean().item()


@metric(label="FVU under noise", direction="min", range="[0, inf)", source="definition", against="l0")
def noise_fvu(encode: Encoder, decode: Encoder, x: Tensor) -> float:
    """FVU of the clean image when Gaussian noise is added to the input, with a hundredth of the images' variance.

    Its standard deviation, alike in all features, is a tenth of the root mean square of their deviations, so that the
    result does not depend on the scale of the data. Over 1,000 evenly spaced images.
    """
    x = dense(spread(x, MAX_SAMPLES))
    deviation = x.double().var(0, correction=0).mean().sqrt().to(x)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
    return fvu(x, decode(encode(x + NOISE * deviation * noise)))


@metric(label="FVU lost by a unit", direction="none", range="(-inf, inf)", source="definition")
def ablation_fvu(decode: Encoder, x: Tensor, z: Matrix, active: Matrix) -> float | NotApplicable:
    """Mean increase of FVU when one unit is set to zero, over the 32 units that are active most often.

    Over 1,000 evenly spaced images; n/a if all units are dead, or if all images are the same.
    """
    counts = column_sums(active)
    units = counts.topk(min(ABLATED, int((counts > 0).sum()))).indices.tolist()
    x, codes = dense(spread(x, MAX_SAMPLES)), dense(spread(z, MAX_SAMPLES)).to(x.device)
    if not units:
        return NotApplicable("all units are dead")
    if not (x != x[0]).any():
        return NotApplicable("all images are the same")
    whole = fvu(x, decode(codes))
    rises = []
    for unit in units:
        ablated = codes.clone()
        ablated[:, unit] = 0
        rises.append(fvu(x, decode(ablated)) - whole)
    return sum(rises) / len(rises)
