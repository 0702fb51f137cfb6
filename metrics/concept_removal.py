"""Does removing the units of a concept remove that concept, and no other? After SAEBench (Karvonen et al. 2025).

Linear probes read concepts off the inputs. The units that bear a concept most are removed, and the probes read
x + decode(z without them) - decode(z): what the code does not explain stays. A unit bears a concept by the difference
of its mean codes with and without the concept, times its effect on the concept's probe; both are of training samples.
The two signs of a unit whose codes have either are as two units: which of them is called positive is a convention.

Choices: probes are Fisher discriminants in closed form, since SAEBench's, which are trained in small batches, vary with
the seed; concepts are balanced by weights of samples, not by drawing them; units without an effect are not removed. A
class's units are set to zero, as in SAEBench, a factor's to their mean: zero is a factor's absence, and says as much.
Scores depend on the probes: with logistic ones the TPP of a TopK SAE on MNIST is about twice as large. They compare
models with each other, and not with SAEBench's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from metrics.base import Axis, NotApplicable, metric
from metrics.matrix import Matrix, column_sums, dense, evenly_spaced, rows, shrunk, spread, transposed_product

REMOVED = {str(n): n for n in (2, 5, 10, 20, 50)}
"""Key -> units that are removed: SAEBench's numbers but for 100 and 500."""

SAMPLES = 1000
"""Evaluated samples, as in SAEBench: evenly spaced, or a quarter of them of each combination of two factors."""

PAIRS, MIN_SAMPLES = 4, 20
"""Pairs of factors, as in SAEBench, and training samples of the rarest combination of a pair [choice]."""

MIN_GAP = 0.05
"""Accuracy that a spurious correlation must cost [choice]; with less there is nothing to remove."""

SHARES = torch.tensor([[-1, -1, 1, 1], [-1, 1, -1, 1], [-2, 0, 0, 2]], dtype=torch.float64) / 2
"""Weights of the combinations (neither, second, first, both) of two factors: first or not, second or not, and both or
neither, which is the first where the second always comes with it."""

SAEBENCH = "Karvonen et al. 2025 (2503.09532), SAEBench; probes in closed form"
"""Source of both metrics."""

CURVE = Axis.single("units removed", REMOVED, log=True)
"""Axis of both metrics."""


ONE_UNIT = NotApplicable("there are fewer than two units to remove")
"""Why nothing is removed."""


class Probes(NamedTuple):
    """Linear probes, each of one concept: it is present where the score is above the threshold."""

    weights: Tensor
    """(P, D) float64."""
    thresholds: Tensor
    """(P,) float64."""


@metric(label="TPP", direction="max", range="[-2, 2]", source=SAEBENCH, curve=CURVE)
def targeted_probe_perturbation(
    decode: Callable[[Tensor], Tensor],
    x: Tensor,
    z: Matrix,
    labels: Tensor,
    train_x: Tensor,
    train_z: Matrix,
    train_labels: Tensor,
) -> dict[str, float] | NotApplicable:
    """Targeted probe perturbation: accuracy that a class's probe loses without the class's units, beyond others' loss.

    Mean over classes, for 2 to 50 units removed; 0.5 where a class's units alone tell it. A probe tells one class from
    the others, at balanced accuracy. n/a for fewer than three classes: of two, both probes are one.
    """
    x, codes, labels = (dense(spread(each, SAMPLES)).to(x.device) for each in (x, z, labels))
    if z.shape[1] < 2:
        return ONE_UNIT
    classes = train_labels.unique()
    classes = classes[torch.isin(classes, labels)]
    if len(classes) < 3:
        return NotApplicable("fewer than three classes occur in training and in the evaluated samples")
    one = torch.eye(len(classes), dtype=torch.float64, device=x.device)
    shares = one - (1 - one) / (len(classes) - 1)
    train, test = (_contrasts(shares, each[:, None] == classes) for each in (train_labels, labels))
    probes = _fit(train_x, train)
    effects = _raised(train_z, train) * _slopes(decode, train_z, probes.weights)
    before, x_hat, zero = _accuracies(probes, x, test), decode(codes), torch.zeros_like(codes[0])
    found = {}
    for key, n in _sizes(codes):
        without = (x + decode(_without(codes, effect, n, zero)) - x_hat for effect in effects)
        drops = before - torch.stack([_accuracies(probes, changed, test) for changed in without])
        others = (drops.sum(1) - drops.diagonal()) / (len(classes) - 1)
        found[key] = (drops.diagonal() - others).mean().item()
    return found


@metric(label="SCR", direction="max", range="[-20, 20]", source=SAEBENCH, curve=CURVE)
def spurious_correlation_removal(
    decode: Callable[[Tensor], Tensor],
    x: Tensor,
    z: Matrix,
    gates: Tensor,
    train_x: Tensor,
    train_z: Matrix,
    train_gates: Tensor,
) -> dict[str, float] | NotApplicable:
    """Spurious correlation removal: share of a biased probe's lost accuracy that returns without a factor's units.

    The probe of a factor is trained where another factor always comes with it, and scored where it need not. 0: nothing
    returns; 1: it is as good as a probe that was trained without the bias. Of two factors the one is scored that loses
    more. Mean over the four pairs of factors whose rarest combination is most frequent in training, but for those that
    lose less than 0.05, for 2 to 50 units removed. n/a if none is left.
    """
    if z.shape[1] < 2:
        return ONE_UNIT
    pairs = [pair for pair in _pairs(train_gates) if _combinations(gates, pair).any(0).all()]
    if not pairs:
        return NotApplicable("no two factors occur together, apart and not at all often enough")
    train = torch.cat([_contrasts(SHARES.to(x.device), _combinations(train_gates, pair)) for pair in pairs])
    probes = _fit(train_x, train)
    effects = (_differences(train_z, train) * _slopes(decode, train_z, probes.weights)).abs()
    means = (transposed_product(train_z, train.abs().T).T / 2).to(x)
    found: dict[str, list[float]] = {}
    for i, pair in enumerate(pairs):
        combinations = _combinations(gates, pair)
        chosen = _evenly(combinations, SAMPLES // 4)
        test = _contrasts(SHARES[:2].to(x.device), combinations[chosen])
        own = slice(3 * i, 3 * i + 3)
        part = Probes(*(values[own] for values in probes))
        codes = dense(rows(z, chosen)).to(x.device)
        for key, value in _returned(decode, part, effects[own], means[own], x[chosen], codes, test):
            found.setdefault(key, []).append(value)
    scores = {key: sum(values) / len(values) for key, values in found.items()}
    return scores or NotApplicable(f"of no two factors one misleads the other's probe by {MIN_GAP} of accuracy")


def _returned(
    decode: Callable[[Tensor], Tensor],
    probes: Probes,
    effects: Tensor,
    means: Tensor,
    x: Tensor,
    codes: Tensor,
    test: Tensor,
) -> Iterable[tuple[str, float]]:
    """Share of the lost accuracy that returns, by key, of one pair: the probes are of first, second, and both."""
    *clean, biased = (Probes(weights[None], threshold[None]) for weights, threshold in zip(*probes, strict=True))
    lost = _accuracies(biased, x, test)
    target = int(lost.argmin())
    best = _accuracies(clean[target], x, test)[target]
    if best - lost[target] < MIN_GAP:
        return
    x_hat, spurious = decode(codes), 1 - target
    for key, n in _sizes(codes):
        changed = x + decode(_without(codes, effects[spurious], n, means[spurious])) - x_hat
        now = _accuracies(biased, changed, test)[target]
        yield key, ((now - lost[target]) / (best - lost[target])).item()


def _contrasts(shares: Tensor, members: Tensor) -> Tensor:
    """Weights of samples (P, N): each group's share (P, G) spread over its members (N, G); no sample counts twice."""
    return (shares / members.sum(0)) @ members.to(shares).T


def _fit(x: Tensor, contrasts: Tensor) -> Probes:
    """Fisher discriminants, of samples of positive weight from those of negative weight."""
    x = x.double()
    centred = x - x.mean(0)
    weights = torch.linalg.solve(shrunk(centred.T @ centred / len(x)), (contrasts @ x).T).T
    return Probes(weights, (contrasts.abs() @ x * weights).sum(1) / 2)


def _accuracies(probes: Probes, x: Tensor, contrasts: Tensor) -> Tensor:
    """Balanced accuracy of each probe on its own contrast, or of the only probe on each: (P,)."""
    hits = (contrasts > 0) == (x.double() @ probes.weights.T > probes.thresholds).T
    return (contrasts.abs() * hits).sum(1) / 2


def _differences(z: Matrix, contrasts: Tensor) -> Tensor:
    """Difference of each unit's mean codes, (P, M); 0 where it is lost in rounding."""
    differences, sizes = transposed_product(z, contrasts.T).T, transposed_product(abs(z), contrasts.abs().T).T
    return torch.where(differences.abs() > 1e-9 * sizes, differences, 0.0).to(contrasts)


def _raised(z: Matrix, contrasts: Tensor) -> Tensor:
    """What of each unit's code there is more of with the concept, (P, M): of positive codes, and minus of negative."""
    net, size = _differences(z, contrasts), _differences(abs(z), contrasts)
    return ((size + net).clamp_min(0) - (size - net).clamp_min(0)) / 2


def _slopes(decode: Callable[[Tensor], Tensor], z: Matrix, weights: Tensor) -> Tensor:
    """Derivative of each probe's score in each code, at the mean code: (P, M)."""
    centre = (column_sums(z) / z.shape[0]).to(weights).float()[None].requires_grad_()
    with torch.enable_grad():
        scores = (decode(centre) @ weights.T.float())[0]
        if not scores.requires_grad:
            return torch.zeros(len(weights), z.shape[1]).to(weights)
        rows = [torch.autograd.grad(score, centre, retain_graph=True, materialize_grads=True)[0] for score in scores]
    return torch.cat(rows).to(weights)


def _without(codes: Tensor, effects: Tensor, n: int, values: Tensor) -> Tensor:
    """The codes with other values of the n units of largest effect; of fewer, if no more have a positive one."""
    units = effects.topk(n).indices
    units = units[effects[units] > 0]
    changed = codes.clone()
    changed[:, units] = values[units]
    return changed


def _sizes(codes: Tensor) -> Iterable[tuple[str, int]]:
    """The numbers of units that can be removed."""
    return ((key, n) for key, n in REMOVED.items() if n <= codes.shape[1])


def _pairs(gates: Tensor) -> list[list[int]]:
    """The pairs of factors (N, F) whose rarest combination is most frequent."""
    on = gates.double()
    both = on.T @ on
    only = on.sum(0)[:, None] - both
    rarest = torch.stack([both, only, only.T, len(on) - both - only - only.T]).amin(0).triu(1).flatten()
    best = rarest.argsort(descending=True, stable=True)[:PAIRS].tolist()
    return [[*divmod(i, len(both))] for i in best if rarest[i] >= MIN_SAMPLES]


def _combinations(gates: Tensor, pair: list[int]) -> Tensor:
    """Of which combination each sample is, (N, 4) bool: neither, second, first, both."""
    first, second = (gates[:, factor].bool() for factor in pair)
    return torch.stack([~first & ~second, ~first & second, first & ~second, first & second], 1)


def _evenly(members: Tensor, limit: int) -> Tensor:
    """At most so many evenly spaced samples of each group (N, G), in order."""
    groups = (column.nonzero().squeeze(1) for column in members.T)
    return torch.cat([group[evenly_spaced(len(group), limit).to(group.device)] for group in groups]).sort().values
