"""Is a class's unit off where a unit of something narrower carries the class? After SAEBench (Karvonen et al. 2025).

A linear probe says in which samples a class is present, and along which direction p of the inputs. The main units of a
class are those that tell it alone. Where they are off, or low, in a sample that the probe gets right, other units may
have absorbed the class: unit i accounts for the share z_i (d_i . p) / (x . p) of it, d_i being its atom. Published for
one kind of class, the first letter of a word, of words that are one token (Chanin et al. 2024, who removed units in
place of comparing them with p): inputs are then activations at the word, and labels its letter. Where the true atoms of
parents and children are known, `metrics.ground_truth.absorption` looks at the atoms themselves.

Published: both scores with their thresholds, as SAEBench's code has them since version 0.6 (its paper sets none for the
fraction), and adding main units while F1 grows. Choices: any classes; probes are linear discriminants in closed form,
where SAEBench trains logistic ones; units are ranked by the difference of their mean codes, where SAEBench takes the
weights of a probe with an L1 penalty; main units are chosen on training samples, not on those that are scored; inputs
are minus the mean training input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from metrics.base import NotApplicable, metric
from metrics.logistic import fit_by_sklearn
from metrics.matrix import ClassMoments, Matrix, class_moments, columns, dense, evenly_spaced, rows, shrunk, variance

SAEBENCH = "Karvonen et al. 2025 (2503.09532), SAEBench; Chanin et al. 2024 (2409.14507)"
"""Source of both metrics."""

MAX_MAIN, F1_GAIN = 10, 0.03
"""Main units of a class, at most, and what each has to add to the F1 of those before it."""

MIN_F1 = 0.6
"""F1 of a class's probe, below which the class is left out: the inputs do not say where it is present."""

MIN_SHARE = 0.4
"""Share of the projection on the probe that absorbing units account for."""

MAX_ABSORBING, MIN_COSINE, MIN_COSINE_FULL = 3, 0.1, 0.025
"""Units that absorb a class together, at most; the cosine of each with the probe, and of one that does so alone."""

MAX_SAMPLES = 5000
"""Evaluated samples, evenly spaced."""

NO_CLASS = NotApplicable(
    f"no class has both a linear probe of F1 {MIN_F1} or more and a unit that is more active in it than elsewhere"
)
"""Why nothing can be absorbed."""


class Probes(NamedTuple):
    """Linear discriminants: a sample is of the class whose score is largest."""

    weights: Tensor
    """(C, D) float64."""
    offsets: Tensor
    """(C,) float64."""


@metric(label="absorbed", direction="min", range="[0, 1]", source=SAEBENCH)
def class_absorption(
    atoms: Tensor,
    x: Tensor,
    z: Matrix,
    gamma_hard: Matrix,
    labels: Tensor,
    train_x: Tensor,
    train_z: Matrix,
    train_labels: Tensor,
) -> dict[str, float] | NotApplicable:
    """Share of a class that other units than its own carry, where a linear probe finds the class: mean over classes.

    `fraction`: of the projection on the probe that main units m and absorbing units a account for, a / (a + m), 0 if
    m >= 1 or a < 0.4, and 1 if m <= 0; a is that of the three units of most, of a cosine of 0.1 or more, and at most
    1 - m. `full`: how often all main units are off and another, of a cosine of 0.025 or more, accounts for 0.4 or more
    by itself. Means over the samples that the probe gets right, then over classes whose probe has an F1 of 0.6 or more;
    n/a if there are none. A class that no unit tells is not absorbed: read it beside the k-sparse probe. Of a model
    without a bias, as NMF, units carry the mean input too, and shares do not add up to one.
    """
    chosen = evenly_spaced(len(labels), MAX_SAMPLES)
    samples, truth = x[chosen.to(x.device)].double(), labels[chosen.to(labels.device)]
    classes, centre = train_labels.unique(), train_x.double().mean(0)
    if len(classes) < 2:
        return NotApplicable("fewer than two classes occur in training")
    probes = _fit(train_x.double() - centre, train_labels)
    guess = classes[((samples - centre) @ probes.weights.T + probes.offsets).argmax(1)]
    told = [place for place, label in enumerate(classes) if _f1(guess == label, truth == label) >= MIN_F1]
    scores = []
    for place, units in _main_units(train_z, train_labels, told):
        right = ((truth == classes[place]) & (guess == classes[place])).nonzero().squeeze(1)
        direction = _unit(probes.weights[place])
        own = chosen.to(right.device)[right]
        whole = ((samples[right] - centre) @ direction)[:, None]
        shares = dense(rows(z, own)).to(direction) * (atoms.to(direction) @ direction)
        shares = torch.where(whole > 0, shares / whole, 0.0)
        off = ~dense(columns(rows(gamma_hard, own), units)).any(1).to(shares.device)
        scores.append(_absorbed(shares, _unit(atoms.to(direction)) @ direction, units, off))
    if not scores:
        return NO_CLASS
    return dict(zip(("fraction", "full"), torch.stack(scores).mean(0).tolist(), strict=True))


@metric(label="main units", direction="none", range="[1, 10]", source=SAEBENCH)
def class_splitting(train_z: Matrix, train_labels: Tensor) -> float | NotApplicable:
    """Units into which a class is split: those that a probe of few units needs to tell it, mean over classes.

    Units enter by the difference of their mean codes, while each adds more than 0.03 to F1 on training samples. n/a if
    no unit is more active in one class than in the others.
    """
    n_classes = len(train_labels.unique())
    sizes = [len(units) for _, units in _main_units(train_z, train_labels, range(n_classes if n_classes > 1 else 0))]
    return sum(sizes) / len(sizes) if sizes else NotApplicable("no unit is more active in one class than elsewhere")


def _absorbed(shares: Tensor, cosines: Tensor, main: Tensor, off: Tensor) -> Tensor:
    """Mean fraction and rate of full absorption, (2,).

    Parameters
    ----------
    shares : Tensor
        (R, M), of each unit in the projection of a sample on the probe.
    cosines : Tensor
        (M,), of atoms with the probe; a unit that is on with a negative code means the opposite of its atom.
    main : Tensor
        Indices of the main units.
    off : Tensor
        (R,), whether all of these are off.
    """
    by_main = shares[:, main].sum(1)
    others = torch.where(cosines.abs() >= MIN_COSINE, shares, 0.0).clamp_min(0)
    others[:, main] = 0
    absorbing = others.topk(min(MAX_ABSORBING, others.shape[1]), dim=1).values.sum(1)
    part = torch.minimum(absorbing, 1 - by_main)
    fraction = torch.where(by_main > 0, part / (part + by_main), 1.0)
    fraction = torch.where((by_main >= 1) | (absorbing < MIN_SHARE), 0.0, fraction)
    largest, unit = shares.max(1)
    full = off & (largest >= MIN_SHARE) & (cosines[unit].abs() >= MIN_COSINE_FULL)
    return torch.stack([fraction.mean(), full.to(fraction).mean()])


def _main_units(z: Matrix, labels: Tensor, places: Iterable[int]) -> Iterator[tuple[int, Tensor]]:
    """Place among the labels that occur, and main units, of each of some classes that has any."""
    differences, deviations = _differences(z, labels)
    classes = labels.unique()
    for place in places:
        order = differences[place].argsort(descending=True, stable=True)[:MAX_MAIN]
        order = order[differences[place][order] > 0]
        codes = (dense(columns(z, order)).cpu().double() / deviations[order].cpu()).numpy()
        truth, best, n = (labels == classes[place]).cpu(), -F1_GAIN, 0
        for k in range(1, len(order) + 1):  # problems of a few units are no work for a GPU
            probe = fit_by_sklearn(codes[:, :k], truth.numpy(), class_weight="balanced")
            score = _f1(torch.from_numpy(probe.predict(codes[:, :k])), truth)
            if score <= best + F1_GAIN:
                break
            best, n = score, k
        if n:
            yield place, order[:n]


def _differences(z: Matrix, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Of each unit's mean codes within and outside each class, in deviations (C, M), 0 if constant; deviations (M,).

    Of codes of either sign, those of the sign of which there is more.
    """
    sizes, means, variances = class_moments(z, labels)
    n = sizes.sum()
    deviations = variance(sizes @ means / n, sizes @ (variances + means.square()) / n).sqrt()
    net, size = (_gaps(class_moments(codes, labels)) for codes in (z, abs(z)))
    gaps = (size + net.abs()) / 2
    return torch.where(deviations > 0, gaps / deviations.clamp_min(1e-300), 0.0), deviations


def _gaps(moments: ClassMoments) -> Tensor:
    """Mean code within each class minus that outside, (C, M); 0 where it is lost in rounding."""
    sizes, means, _ = moments
    outside = (sizes @ means - sizes[:, None] * means) / (sizes.sum() - sizes)[:, None].clamp_min(1)
    return torch.where((means - outside).abs() > 1e-9 * (means.abs() + outside.abs()), means - outside, 0.0)


def _fit(x: Tensor, labels: Tensor) -> Probes:
    """Linear discriminants of the classes of centred inputs (N, D), float64."""
    members = labels.to(x.device).unique(return_inverse=True)[1]
    sizes, means, _ = class_moments(x, members)
    within = x - means[members]
    weights = torch.linalg.solve(shrunk(within.T @ within / len(x)), means.T).T
    return Probes(weights, (sizes / len(x)).log() - (weights * means).sum(1) / 2)


def _unit(vectors: Tensor) -> Tensor:
    """Vectors (..., D) of norm 1, of whatever length they were; those of zeros stay."""
    norms = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / torch.where(norms > 0, norms, 1.0)


def _f1(found: Tensor, truth: Tensor) -> float:
    """F1 of a decision (N,) on the truth (N,); 0 where neither is ever true."""
    return 2 * (found & truth).sum().item() / max(1, (found.sum() + truth.sum()).item())
