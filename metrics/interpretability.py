"""Does a unit stand for one thing? Judged by the classes and the similarity of the images that activate it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metrics.base import NotApplicable, metric
from metrics.matrix import (
    MAX_UNITS,
    Matrix,
    class_moments,
    column_squares,
    column_sums,
    columns,
    dense,
    device_of,
    live_units,
    rows,
    spread,
    transposed_product,
)
from metrics.once import once

BINS = 20
"""Number of quantile bins of non-zero codes."""

MAX_SAMPLES = 10_000
"""Images that are compared at most, evenly spaced."""

PACH = "Pach et al. 2025 (2504.02821), in an exact O(N) form"
"""Source of monosemanticity."""

CHEN = "Chen et al. 2018 (1802.04942), Eq. 5, one class against the rest"
"""Source of the information gap."""


@metric(
    label="monosemanticity", direction="max", range="[-1, 1]", source=PACH, answer="has the most monosemantic units"
)
def monosemanticity(
    z: Matrix, active: Matrix, embedding: Tensor, mean_embedding: Tensor
) -> dict[str, float] | NotApplicable:
    """How alike the images are that activate a unit: cosine of pairs, weighted by both activations; over live units.

    Mean and median over the units, of the cosine of two images' embeddings. Per unit, a = (|z| - min) / (max - min). e
    is the embedding minus the mean of training, at unit norm: what another network makes of the image where the data
    set has that (`:embedding=`), else the input itself. sum_{n<m} a_n a_m e_n . e_m = (||sum a e||^2 - sum a^2 ||e||^2)
    / 2, so that no pair is formed. Units that are constant, or on for a single image, have no pair and are left out;
    n/a if none is left. Over 10,000 evenly spaced images.
    """
    return _mean_and_median(_centred_cosines(z, active, embedding, mean_embedding))


@metric(label="monosemanticity", direction="none", range="[-1, 1]", source=PACH, dimensions=("unit",))
def unit_monosemanticity(z: Matrix, active: Matrix, embedding: Tensor, mean_embedding: Tensor) -> Tensor:
    """`monosemanticity` of each unit, (M,); NaN for those that it leaves out."""
    scores = torch.full((z.shape[1],), torch.nan, dtype=torch.float64)
    scores[live_units(active).cpu()] = _centred_cosines(z, active, embedding, mean_embedding).cpu()
    return scores


@metric(label="monosemanticity as published", direction="max", range="[-1, 1]", source=PACH)
def monosemanticity_as_published(z: Matrix, active: Matrix, embedding: Tensor) -> dict[str, float] | NotApplicable:
    """`monosemanticity` on the scale of its paper: the embedding is not centred, and the sign of a code is kept.

    Pixels, and what comes from a ReLU, are not negative: two images of any kind then have a cosine above zero, and no
    unit scores near 0.
    """
    codes = columns(spread(z, MAX_SAMPLES), live_units(active))
    return _mean_and_median(_cosines(codes, dense(spread(embedding, MAX_SAMPLES))))


@once
def _centred_cosines(z: Matrix, active: Matrix, embedding: Tensor, mean: Tensor) -> Tensor:
    """`_cosines` of the live units' magnitudes and centred embeddings, over the images that are compared."""
    codes = abs(columns(spread(z, MAX_SAMPLES), live_units(active)))
    return _cosines(codes, dense(spread(embedding, MAX_SAMPLES)) - mean)


def _mean_and_median(scores: Tensor) -> dict[str, float] | NotApplicable:
    """Over the units that have pairs."""
    scores = scores[~scores.isnan()]
    if len(scores) == 0:
        return NotApplicable("no unit varies and is on for two images or more")
    return {"mean": scores.mean().item(), "median": scores.quantile(0.5).item()}


def _cosines(codes: Matrix, embeddings: Tensor) -> Tensor:
    """Cosine of two embeddings (N, E), weighted by both codes (N, M) scaled to [0, 1]: (M,), NaN without a pair."""
    unit = torch.nn.functional.normalize(embeddings.to(device_of(codes)).double(), dim=1)
    lowest, highest = _range(codes)
    if isinstance(codes, Tensor):  # minus the minimum before squaring: no digits are lost
        codes, lowest, highest = codes - lowest, torch.zeros_like(lowest), highest - lowest
    norms = unit.square().sum(1, keepdim=True)
    sums, squares, n = column_sums(codes), column_squares(codes), codes.shape[0]
    weighted = transposed_product(codes, unit) - torch.outer(lowest, unit.sum(0))
    # sum a^2 ||e||^2: the embeddings have norm 1, or 0 where the image has no direction.
    directed = rows(codes, (norms.squeeze(1) > 0.5).nonzero().squeeze(1))
    own = column_squares(directed) - 2 * lowest * column_sums(directed) + lowest.square() * directed.shape[0]
    pairs = (sums - n * lowest).square() - (squares - 2 * lowest * sums + n * lowest.square())
    has_pairs = (highest > lowest) & (pairs > 1e-9 * (highest - lowest).square())
    return torch.where(has_pairs, (weighted.square().sum(1) - own) / pairs, torch.nan).clamp(-1, 1)


@metric(label="class purity", direction="none", range="[1/C, 1]", source="Jacquier et al. 2026; formula a choice")
def class_purity(active: Matrix, labels: Tensor) -> float | NotApplicable:
    """Share of a unit's active images that belong to its most frequent class: mean over live units.

    The fewer images a unit is on for, the purer it is by chance: 1 for a single one. So models whose units are on
    unequally often, and small sets, are compared by `class_agreement`. n/a if all units are dead.
    """
    purity = unit_purity(active, labels)
    purity = purity[~purity.isnan()]
    return purity.mean().item() if len(purity) else NotApplicable("all units are dead")


@metric(label="purity", direction="none", range="[1/C, 1]", source="as class purity", dimensions=("unit",))
def unit_purity(active: Matrix, labels: Tensor) -> Tensor:
    """Share of each unit's active images that belong to its most frequent class, (M,); NaN for a dead unit."""
    sizes, rates, _ = class_moments(active, labels)
    counts = rates * sizes[:, None]
    return counts.amax(0) / counts.sum(0)


@metric(label="class agreement", direction="max", range="[0, 1]", source="Simpson 1949, within a unit")
def class_agreement(active: Matrix, labels: Tensor) -> float | NotApplicable:
    """Share of the pairs of a unit's active images that are of one class: mean over units that are on for two or more.

    sum_c n_c (n_c - 1) / (n (n - 1)), of a unit that is on for n images, n_c of them of class c. By chance it is the
    share of all pairs of images that are of one class, however rarely a unit is on. n/a if no unit has a pair.
    """
    sizes, rates, _ = class_moments(active, labels)
    counts = (rates * sizes[:, None]).round()
    images = counts.sum(0)
    agreeing, pairs = (counts * (counts - 1)).sum(0), images * (images - 1)
    if not (pairs > 0).any():
        return NotApplicable("no unit is on for two images or more")
    return (agreeing / pairs)[pairs > 0].mean().item()


@metric(label="one-vs-rest MIG", direction="max", range="[0, 1]", source=CHEN)
def class_mig(z: Matrix, active: Matrix, labels: Tensor) -> float | NotApplicable:
    """Mutual information gap between the two units most informative about 'class c or not': mean over c.

    The gap is divided by the entropy of 'class c or not'. Non-zero codes are binned at 20 quantiles, and zero has a bin
    of its own. Dead units are left out. Over 10,000 evenly spaced images. n/a for one class, or for fewer than two live
    units.
    """
    live = live_units(active)
    classes, targets = dense(spread(labels, MAX_SAMPLES)).unique(return_inverse=True)
    if len(classes) < 2:
        return NotApplicable("fewer than two classes occur")
    if len(live) < 2:
        return NotApplicable("fewer than two units are live")
    codes = spread(z, MAX_SAMPLES)
    parts = [_class_information(dense(columns(codes, units)), targets) for units in live.split(MAX_UNITS)]
    best = torch.cat(parts).topk(2, dim=0).values
    shares = targets.bincount().double() / len(targets)
    entropy = -torch.xlogy(shares, shares) - torch.xlogy(1 - shares, 1 - shares)
    return ((best[0] - best[1]) / entropy.to(best)).mean().clamp(0, 1).item()


def _class_information(z: Tensor, targets: Tensor) -> Tensor:
    """Mutual information in nats of each unit's bin with 'class c or not': (N, M) and (N,) in 0 ... C - 1 -> (M, C)."""
    targets = targets.to(z.device)
    counts = targets.bincount()
    shape = (z.shape[1], BINS + 1, len(counts))
    units = torch.arange(z.shape[1], device=z.device)
    cells = (units * (BINS + 1) + _quantile_bins(z)) * len(counts) + targets[:, None]
    together = torch.bincount(cells.flatten(), minlength=math.prod(shape)).view(shape).double() / len(z)
    marginal, shares = together.sum(2, keepdim=True), counts.double() / len(z)
    apart = (marginal - together).clamp_min(0)
    information = torch.xlogy(together, together) - torch.xlogy(together, marginal * shares)
    information += torch.xlogy(apart, apart) - torch.xlogy(apart, marginal * (1 - shares))
    return information.sum(1)


def _quantile_bins(z: Tensor) -> Tensor:
    """Bin of each code, (N, M) in 0 ... 20: 0 for zero, else its quantile bin among the unit's non-zero values.

    Equal values share a bin.
    """
    order = torch.where(z == 0, torch.inf, z).sort(0).values
    counts = (z != 0).sum(0)
    steps = torch.arange(1, BINS, device=z.device)[:, None]
    edges = order.gather(0, (steps * counts // BINS).clamp_max(len(z) - 1))
    bins = 1 + torch.searchsorted(edges.T.contiguous(), z.T.contiguous(), right=True).T
    return torch.where(z == 0, 0, bins)


def _range(magnitude: Matrix) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of each unit, (M,)."""
    if isinstance(magnitude, Tensor):
        return magnitude.amin(0), magnitude.amax(0)
    lowest, highest = (m.toarray().ravel() for m in (magnitude.min(0), magnitude.max(0)))
    return torch.from_numpy(lowest).double(), torch.from_numpy(highest).double()
