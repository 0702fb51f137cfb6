"""Are the factors that made the data found? For data sets that know their gates, values, atoms or measures.

The unit of a factor is chosen on training samples and scored on the evaluated ones, so that the best of many units has
no head start; only `mcc` matches on the samples it scores, as it is defined.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata
from torch import Tensor

from metrics.base import NotApplicable, metric
from metrics.matrix import Matrix, column_sums, correlations, dense, rows, spread, transposed_product, variance

RECOVERED = 0.9
"""AUC from which a gate counts as recovered."""

MATCHED = 0.5
"""Correlation of activities from which a learned unit counts as a feature's."""

MAX_SAMPLES = 10_000
"""Samples that gates are scored on by their AUC, evenly spaced."""

COSTA = "Costa et al. 2025 (2506.03093), section 4.1 and Table 1"
"""Where the measures of hierarchies come from."""

NO_CHANGE = NotApplicable("no factor is present in some samples and absent in others")
"""Why no gate is scored."""


@metric(label="MCC", direction="max", range="[0, 1]", source="Hyvarinen & Morioka 2016 (1605.06336)", headline=True)
def mcc(z: Matrix, gates: Tensor) -> float | NotApplicable:
    """Mean |correlation| of gates with the units that the Hungarian method matches them to, one each.

    A gate without a unit counts 0; gates that do not change are left out; n/a where none does.
    """
    gates = gates[:, gates.any(0) & ~gates.bool().all(0)]
    if gates.shape[1] == 0:
        return NO_CHANGE
    scores = correlations(z, gates.to(torch.float32)).abs().cpu().numpy()
    units, matched = linear_sum_assignment(-scores)
    return float(scores[units, matched].sum() / gates.shape[1])


@metric(label="gate AUC", direction="max", range="[0, 1]", source="Fawcett 2006, section 7", headline=True)
def gate_auc(z: Matrix, gates: Tensor, train_z: Matrix, train_gates: Tensor) -> float | NotApplicable:
    """Chance that the gate's unit is higher where the gate is on than where it is off: mean over gates.

    0.5: chance. A unit that falls where the gate is on counts with its sign changed. n/a where no gate changes.
    """
    scores = _auc_of_each(z, gates, train_z, train_gates)
    scores = scores[np.isfinite(scores)]
    return float(scores.mean()) if len(scores) else NO_CHANGE


@metric(label="gate F1", direction="max", range="[0, 1]", source="van Rijsbergen 1979")
def gate_f1(active: Matrix, gates: Tensor, train_active: Matrix, train_gates: Tensor) -> float:
    """F1 of 'the unit is active' as a guess of 'the gate is on', for the best unit of each gate: mean over gates.

    An always active unit has 2p / (1 + p) where the gate is on in a share p of the samples.
    """
    best = _f1(train_active, train_gates).argmax(0)
    return _f1(active, gates)[best, torch.arange(gates.shape[1], device=best.device)].mean().item()


@metric(label="recovered", direction="max", range="[0, 1]", source="definition", headline=True)
def factor_recovery(
    z: Matrix, gates: Tensor, train_z: Matrix, train_gates: Tensor, gate_roles: Sequence[str]
) -> dict[str, float] | NotApplicable:
    """Share of the global, and of the class-specific (shared and exclusive), gates with an AUC of 0.9 or more.

    Gates that do not change are left out; n/a where none does.
    """
    scores = _auc_of_each(z, gates, train_z, train_gates)
    roles = np.where(np.isfinite(scores), np.array(gate_roles), "")
    recovered = scores >= RECOVERED
    groups = {"global": roles == "global", "class-specific": (roles == "shared") | (roles == "exclusive")}
    return {name: float(recovered[group].mean()) for name, group in groups.items() if group.any()} or NO_CHANGE


@metric(label="value correlation", direction="max", range="[-1, 1]", source="definition")
def value_correlation(z: Matrix, values: Tensor, train_z: Matrix, train_values: Tensor) -> float | NotApplicable:
    """Correlation of each continuous value with its best unit, where its attribute is present: mean over values.

    With the sign that the unit has on the training samples. n/a where there is no value.
    """
    train, test = _within(train_z, train_values), _within(z, values)
    best = train.abs().argmax(0)
    scores = test[best, torch.arange(values.shape[1], device=test.device)] * train.gather(0, best[None])[0].sign()
    return scores.mean().item() if len(scores) else NotApplicable("no factor has a value")


@metric(label="tracking", direction="max", range="[-1, 1]", source="measures: Castro et al. 2019 (1809.10235)")
def tracking(
    z: Matrix,
    labels: Tensor,
    measures: Tensor,
    train_z: Matrix,
    train_labels: Tensor,
    train_measures: Tensor,
    measure_names: Sequence[str],
) -> dict[str, float] | NotApplicable:
    """How closely one unit follows a measure (slant, thickness) in every class: the correlation within a class.

    Mean over classes, and `min`, of the class where it is smallest; with the sign that the unit has over all of them.
    The unit is the one with the largest mean on training samples. n/a where nothing is measured.
    """
    if measures.shape[1] == 0:
        return NotApplicable("no shape is measured")
    train, test = (_by_class(*given) for given in ((train_z, train_labels, train_measures), (z, labels, measures)))
    means = train.mean(0)
    best = means.abs().argmax(0)
    measure = torch.arange(len(best))
    each = test[:, best, measure] * means[best, measure].sign()
    mean = dict(zip(measure_names, each.mean(0).tolist(), strict=True))
    return mean | dict(zip((f"{name} min" for name in measure_names), each.amin(0).tolist(), strict=True))


@metric(
    label="tracking of units",
    direction="none",
    range="[-1, 1]",
    source="measures: Castro et al. 2019 (1809.10235)",
    dimensions=("unit", "measure"),
)
def unit_tracking(z: Matrix, labels: Tensor, measures: Tensor) -> Tensor:
    """Correlation of every unit with every measure within a class, mean over classes: (M, P)."""
    return _by_class(z, labels, measures).mean(0)


@metric(label="absorption", direction="min", range="[-1, 1]", source=COSTA, headline=True)
def absorption(
    atoms: Tensor, active: Matrix, gates: Tensor, true_atoms: Tensor, parents: Tensor
) -> float | NotApplicable:
    """Mean cosine of the atom learned for a child with the true atom of its parent: 0 where nothing is absorbed.

    Learned units and true features are matched by the Hungarian method on the correlation of their activity. Over the
    children that are recovered: matched with a correlation of 0.5 or more; n/a where none is.
    """
    units, scores = _match(active, gates)
    children = ((parents >= 0) & (scores >= MATCHED)).nonzero().squeeze(1)
    if len(children) == 0:
        return NotApplicable("no feature with a parent is recovered")
    learned = torch.nn.functional.normalize(atoms.double(), dim=1)[units[children]]
    true = torch.nn.functional.normalize(true_atoms[parents[children]].to(learned), dim=1)
    cosines = (learned * true).sum(1)
    return cosines.mean().item()


@metric(label="features found", direction="max", range="[0, 1]", source=COSTA)
def features_found(active: Matrix, gates: Tensor, true_atoms: Tensor) -> float:
    """Share of the true features whose matched unit has a correlation of activity of 0.5 or more."""
    return (_match(active, gates)[1] >= MATCHED).double().mean().item()


@metric(label="atom recovery", direction="max", range="[0, 1]", source="Sharkey et al. 2022, mean max cosine")
def atom_recovery(atoms: Tensor, true_atoms: Tensor) -> float:
    """Mean over true atoms of the largest cosine with a learned one."""
    learned, true = (torch.nn.functional.normalize(a.double(), dim=1) for a in (atoms, true_atoms.to(atoms)))
    return (true @ learned.T).amax(1).mean().clamp(0, 1).item()


def _auc_of_each(z: Matrix, gates: Tensor, train_z: Matrix, train_gates: Tensor) -> np.ndarray:
    """AUC of each gate's unit, (F,); NaN for a gate that does not change."""
    train = _auc(dense(train_z).cpu().numpy(), train_gates.cpu().numpy())
    best = np.abs(np.nan_to_num(train, nan=0.5) - 0.5).argmax(0)
    sign = np.where(train[best, np.arange(len(best))] < 0.5, -1, 1)
    chosen = dense(spread(z, MAX_SAMPLES)).cpu().numpy()[:, best] * sign
    test_gates = dense(spread(gates, MAX_SAMPLES)).cpu().numpy()
    return np.array([_auc(chosen[:, [f]], test_gates[:, [f]])[0, 0] for f in range(len(best))])


def _auc(z: np.ndarray, gates: np.ndarray) -> np.ndarray:
    """AUC of each unit for each gate, (M, F), by the ranks of the codes (Mann-Whitney); NaN for a constant gate."""
    on = gates.sum(0).astype(np.float64)
    pairs = on * (len(gates) - on)
    wins = rankdata(z, axis=0).T @ gates.astype(np.float64) - on * (on + 1) / 2
    auc: np.ndarray = np.where(pairs > 0, wins / np.maximum(pairs, 1), np.nan)
    return auc


def _f1(active: Matrix, gates: Tensor) -> Tensor:
    """F1 of each unit for each gate, (M, F); 0 where neither is ever on."""
    hits = transposed_product(active, gates.to(torch.float32))
    either = column_sums(active)[:, None] + gates.sum(0).to(hits)[None]
    return torch.where(either > 0, 2 * hits / either.clamp_min(1), 0.0)


def _match(active: Matrix, gates: Tensor) -> tuple[Tensor, Tensor]:
    """Unit of each feature, (F,), and the correlation of their activities; -1 for a feature without a unit."""
    scores = correlations(active, gates.to(torch.float32)).cpu().numpy()
    units, features = linear_sum_assignment(-scores)
    matched, values = torch.zeros(gates.shape[1], dtype=torch.int64), torch.full((gates.shape[1],), -1.0)
    matched[features], values[features] = torch.from_numpy(units), torch.from_numpy(scores[units, features]).float()
    return matched, values


def _within(z: Matrix, values: Tensor) -> Tensor:
    """Correlation of each unit with each value over the samples that have the value, (M, V); 0 where one is constant.

    Values are centred first: the covariance is then a plain sum.
    """
    present = values.isfinite()
    counts = present.sum(0).clamp_min(1).double()
    known = torch.where(present, values, 0).double()
    centred = torch.where(present, known - known.sum(0) / counts, 0)
    means, squares = (transposed_product(z, present.float(), power) / counts for power in (1, 2))
    deviations = (variance(means, squares) * centred.square().sum(0) / counts).sqrt()
    covariances = transposed_product(z, centred) / counts
    return torch.where(deviations > 0, covariances / deviations.clamp_min(1e-300), 0.0).clamp(-1, 1)


def _by_class(z: Matrix, labels: Tensor, measures: Tensor) -> Tensor:
    """Correlation of each unit with each measure within each class, (C, M, P)."""
    groups = [(labels == label).nonzero().squeeze(1) for label in labels.unique()]
    return torch.stack([correlations(rows(z, group), measures[group]).cpu() for group in groups])
