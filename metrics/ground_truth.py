"""Do the codes recover the factors that made the data? For data sets with known gates, values, atoms or measures.

The unit of a factor is chosen on training samples and scored on evaluated samples, so that choosing the best of many
units does not raise the score. `mcc`, `absorption` and `features_found` match units to factors on the samples that they
score, by definition.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata
from torch import Tensor

from metrics.base import NotApplicable, metric
from metrics.matrix import (
    Matrix,
    column_sums,
    columns,
    correlations,
    dense,
    device_of,
    rows,
    spread,
    transposed_product,
    variance,
)

RECOVERED = 0.9
"""A gate is recovered if its AUC is at least this."""

MATCHED = 0.5
"""A true feature is found if its activity and its unit's have at least this correlation."""

MAX_SAMPLES = 10_000
"""Samples on which AUCs are computed, evenly spaced."""

COSTA = "Costa et al. 2025 (2506.03093), section 4.1 and Table 1"
"""Source of the measures of hierarchies."""

NO_CHANGE = NotApplicable("no factor is present in some samples and absent in others")
"""Why no gate is scored."""


@metric(
    label="MCC",
    direction="max",
    range="[0, 1]",
    source="Hyvarinen & Morioka 2016 (1605.06336)",
    headline=True,
    answer="tracks the true factors best",
)
def mcc(z: Matrix, gates: Tensor) -> float | NotApplicable:
    """Mean |correlation| of each factor's presence, its gate, with a unit of its own: the best matching, one to one.

    It is found by the Hungarian method. A gate without a unit counts as 0. Constant gates are left out; n/a if all are
    constant. The best of many units has something by chance, the more the fewer the samples are: codes that know
    nothing have 0.15 to 0.2 with 64 to 1,000 units and 250 samples, and about 0.05 with 5,000.
    """
    gates = gates[:, _changing(gates)]
    if gates.shape[1] == 0:
        return NO_CHANGE
    scores = correlations(z, gates.to(torch.float32)).abs().cpu().numpy()
    units, matched = linear_sum_assignment(-scores)
    return float(scores[units, matched].sum() / gates.shape[1])


@metric(label="gate AUC", direction="max", range="[0, 1]", source="Fawcett 2006, section 7", headline=True)
def gate_auc(z: Matrix, gates: Tensor, train_z: Matrix, train_gates: Tensor) -> float | NotApplicable:
    """AUC of a gate's unit as a detector of the gate: mean over gates.

    The AUC is the chance that the unit is higher where the gate is on than where it is off; 0.5: chance. If the
    unit is lower where the gate is on in training, its sign is changed. Constant gates are left out; n/a if all are
    constant.
    """
    scores = _auc_of_each(z, gates, train_z, train_gates)
    scores = scores[np.isfinite(scores)]
    return float(scores.mean()) if len(scores) else NO_CHANGE


@metric(label="gate F1", direction="max", range="[0, 1]", source="van Rijsbergen 1979")
def gate_f1(active: Matrix, gates: Tensor, train_active: Matrix, train_gates: Tensor) -> float | NotApplicable:
    """F1 of predicting 'the gate is on' from 'its best unit is active': mean over gates.

    A unit that is always active scores 2p / (1 + p) if the gate is on in a share p of the samples. Constant gates, of
    which one that is always on would score 1, are left out; n/a if all are constant.
    """
    best = _f1(train_active, train_gates).argmax(0)
    scores = _f1(active, gates)[best, torch.arange(gates.shape[1], device=best.device)][_changing(gates)]
    return scores.mean().item() if len(scores) else NO_CHANGE


@metric(label="recovered", direction="max", range="[0, 1]", source="definition", headline=True)
def factor_recovery(
    z: Matrix, gates: Tensor, train_z: Matrix, train_gates: Tensor, gate_roles: Sequence[str]
) -> dict[str, float] | NotApplicable:
    """Share of the gates with an AUC of 0.9 or more: of the global gates, and of the class-specific gates.

    Class-specific: shared or exclusive. Constant gates are left out; n/a if all are constant.
    """
    scores = _auc_of_each(z, gates, train_z, train_gates)
    roles = np.where(np.isfinite(scores), np.array(gate_roles), "")
    recovered = scores >= RECOVERED
    groups = {"global": roles == "global", "class-specific": (roles == "shared") | (roles == "exclusive")}
    return {name: float(recovered[group].mean()) for name, group in groups.items() if group.any()} or NO_CHANGE


@metric(label="value correlation", direction="max", range="[-1, 1]", source="definition")
def value_correlation(z: Matrix, values: Tensor, train_z: Matrix, train_values: Tensor) -> float | NotApplicable:
    """Correlation of each continuous value with its best unit: mean over values.

    Over the samples where the value's attribute is present. Positive if the correlation has the same sign as on the
    training samples. n/a if no factor has a value.
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
    """Correlation within a class of a measure (slant, thickness) with the unit that follows it best.

    Mean over classes, and `min`, the class where it is smallest. The unit is the one whose mean over classes is largest
    in absolute value on training samples; a correlation is positive if it has the sign of that mean. n/a if the data
    set has no measures.
    """
    if measures.shape[1] == 0:
        return NotApplicable("no shape is measured")
    train, test = (_by_class(*split) for split in ((train_z, train_labels, train_measures), (z, labels, measures)))
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
    """Correlation within a class of every unit with every measure, mean over classes: (M, P)."""
    return _by_class(z, labels, measures).mean(0)


@metric(label="absorption", direction="min", range="[-1, 1]", source=COSTA, headline=True)
def absorption(
    atoms: Tensor, z: Matrix, active: Matrix, gates: Tensor, true_atoms: Tensor, parents: Tensor
) -> float | NotApplicable:
    """Mean cosine of a child's learned atom with its parent's true atom: 0 if nothing is absorbed.

    The Hungarian method matches learned units to true features by the correlation of their activities. The mean is over
    the children that are found, with a correlation of 0.5 or more; n/a if there are none. An atom has the sign of its
    unit's mean code where the child is present.
    """
    units, scores = _match(active, gates)
    children = ((parents >= 0) & (scores >= MATCHED)).nonzero().squeeze(1)
    if len(children) == 0:
        return NotApplicable("no feature with a parent is recovered")
    codes = transposed_product(columns(z, units[children]), gates[:, children].float()).diagonal()
    learned = torch.nn.functional.normalize(atoms.double(), dim=1)[units[children]] * codes.sign()[:, None].to(atoms)
    true = torch.nn.functional.normalize(true_atoms[parents[children]].to(learned), dim=1)
    return (learned * true).sum(1).mean().item()


@metric(label="features found", direction="max", range="[0, 1]", source=COSTA)
def features_found(active: Matrix, gates: Tensor, true_atoms: Tensor) -> float:
    """Share of the true features whose activity correlates by 0.5 or more with that of their matched unit."""
    return (_match(active, gates)[1] >= MATCHED).double().mean().item()


@metric(label="atom recovery", direction="max", range="[0, 1]", source="Sharkey et al. 2022, mean max cosine")
def atom_recovery(atoms: Tensor, true_atoms: Tensor) -> float:
    """Largest cosine of a true atom with a learned atom: mean over true atoms."""
    learned, true = (torch.nn.functional.normalize(a.double(), dim=1) for a in (atoms, true_atoms.to(atoms)))
    return (true @ learned.T).amax(1).mean().clamp(0, 1).item()


def _auc_of_each(z: Matrix, gates: Tensor, train_z: Matrix, train_gates: Tensor) -> np.ndarray:
    """AUC of each gate's unit, (F,); NaN for a constant gate."""
    train = _auc(dense(train_z).cpu().numpy(), train_gates.cpu().numpy())
    best = np.abs(np.nan_to_num(train, nan=0.5) - 0.5).argmax(0)
    sign = np.where(train[best, np.arange(len(best))] < 0.5, -1, 1)
    codes = dense(spread(z, MAX_SAMPLES)).cpu().numpy()[:, best] * sign
    test_gates = dense(spread(gates, MAX_SAMPLES)).cpu().numpy()
    return np.array([_auc(codes[:, [f]], test_gates[:, [f]])[0, 0] for f in range(len(best))])


def _auc(z: np.ndarray, gates: np.ndarray) -> np.ndarray:
    """AUC of each unit for each gate, (M, F), by the ranks of the codes (Mann-Whitney); NaN for a constant gate."""
    on = gates.sum(0).astype(np.float64)
    pairs = on * (len(gates) - on)
    wins = rankdata(z, axis=0).T @ gates.astype(np.float64) - on * (on + 1) / 2
    auc: np.ndarray = np.where(pairs > 0, wins / np.maximum(pairs, 1), np.nan)
    return auc


def _changing(gates: Tensor) -> Tensor:
    """Which gates (N, F) are on in some samples and off in others: (F,)."""
    return gates.any(0) & ~gates.bool().all(0)


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
    """Correlation of each unit with each value over the samples that have the value, (M, V); 0 if one is constant.

    Values are centred first: the covariance is then a plain sum.
    """
    values = values.to(device_of(z))
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
