"""What a unit does: varied and decoded (Sangari Abiz et al. 2025, 2505.14476), and where its code is largest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.execute.outputs import Outputs
from metrics.dimensions import EXCLUSIVE, GLOBAL, SHARED, class_rates, unit_roles
from metrics.matrix import columns, dense, evenly_spaced, rows

KINDS = ((GLOBAL,), (EXCLUSIVE, SHARED))
"""Roles of the two kinds of units that are varied."""

MOST_UNITS, MOST_GLOBAL = 8, 3
"""Units whose top samples are kept, and how many of them are global at most."""

STEPS = (0.0, 1 / 3, 2 / 3, 1.0)
"""Shares of a unit's largest value at which it is decoded."""

MOST_CLASSES, MOST_VALUES = 10, 1_500_000
"""Classes in which a unit is varied, and numbers that are decoded, at most; larger inputs are of fewer classes."""

TOP_SAMPLES = 9
MAX_SPREAD = 1000
"""Samples over which the spread of a unit is taken."""


@dataclass(frozen=True)
class Classes:
    """The classes that occur in a split."""

    labels: list[int]
    """Their labels, in order (C,)."""
    names: list[str]
    """Their names (C,)."""
    rates: Tensor
    """The rate at which each unit is on in each, (C, M) float64 on CPU."""


def classes_of(outputs: Outputs) -> Classes | None:
    """The classes of a split; None where no sample has a label."""
    if "labels" not in outputs.values:
        return None
    values = outputs.given(["labels"])
    labels = values["labels"].unique().tolist()
    names = [outputs.dataset.class_names[label] for label in labels]
    return Classes(labels, names, class_rates(values["active"], values["labels"]).cpu())


def traversals(outputs: Outputs, classes: Classes, shown: Sequence[int]) -> dict[str, Any]:
    """The first global and the first class-specific unit, each from 0 to its largest value in an input of each class.

    Nothing where no unit is either. The largest value is the one farthest from 0 in the split; all other codes of the
    input stay as they are.
    """
    roles = unit_roles(classes.rates)
    found = [next((unit for unit in shown if roles[unit] in kind), None) for kind in KINDS]
    units = [unit for unit in found if unit is not None]
    if not units:
        return {}
    x, z, decode = outputs.split.x, outputs.values["z"], outputs.values["decode"]
    inside = _classes_to_vary(classes.rates[:, units[-1]], MOST_VALUES // (len(units) * len(STEPS) * x.shape[1]))
    labels = outputs.split.labels.cpu()
    samples = torch.tensor([int((labels == classes.labels[c]).nonzero()[0]) for c in inside])
    of_units = dense(columns(z, torch.tensor(units))).cpu()
    farthest = of_units.gather(0, of_units.abs().argmax(0, keepdim=True))[0]
    levels = farthest[:, None] * torch.tensor(STEPS).to(farthest)
    codes = dense(rows(z, samples)).to(x.device)
    return {
        "varied_units": np.array(units),
        "varied_levels": levels,
        "varied_classes": np.array(inside),
        "varied_rates": classes.rates[inside][:, units].T,
        "varied_inputs": x[samples.to(x.device)],
        "varied": torch.stack([_varied(codes, unit, of, decode) for unit, of in zip(units, levels, strict=True)]),
    }


def _classes_to_vary(rates: Tensor, room: int) -> list[int]:
    """All classes, or of many some: evenly spaced from the one in which a unit is on most to that where it is least."""
    order = rates.argsort(descending=True, stable=True)
    kept: list[int] = order[evenly_spaced(len(order), max(2, min(room, MOST_CLASSES)))].tolist()
    return sorted(kept)


def _varied(codes: Tensor, unit: int, levels: Tensor, decode: Callable[[Tensor], Tensor]) -> Tensor:
    """What is decoded of codes (S, M) as one unit goes over some levels (T,): (S, T, D)."""
    decoded = []
    for level in levels.tolist():
        changed = codes.clone()
        changed[:, unit] = level
        decoded.append(decode(changed))
    return torch.stack(decoded, dim=1)


def top_samples(outputs: Outputs, classes: Classes, units: Sequence[int]) -> dict[str, Any]:
    """For some units the nine samples in which their codes are largest, largest first."""
    if not units:
        return {}
    roles = unit_roles(classes.rates)
    codes = dense(columns(outputs.values["z"], torch.tensor(units))).cpu()
    chosen = codes.topk(min(TOP_SAMPLES, len(codes)), dim=0).indices.T.to(outputs.split.x.device)
    names = [f"unit {unit}, {roles[unit]}" for unit in units]
    return {"top_inputs": outputs.split.x[chosen], "top_names": np.array(names, np.str_)}


def units_to_show(outputs: Outputs, classes: Classes) -> list[int]:
    """Eight at most: first global ones, by the lowest rate over classes, then those in which one class stands out most.

    Rates are weighted by the spread of the code: a unit that hardly moves shows nothing.
    """
    rates, roles = classes.rates, unit_roles(classes.rates)
    live = [unit for unit, role in enumerate(roles) if role != "dead"]
    spread = _spread(outputs)
    everywhere = (rates.amin(0) * spread).tolist()
    standing_out = ((rates.amax(0) - rates.mean(0)) * spread).tolist()
    common = sorted((u for u in live if roles[u] == "global"), key=lambda u: -everywhere[u])
    order = sorted(live, key=lambda u: -standing_out[u])
    specific = _one_a_class_first([u for u in order if roles[u] in ("exclusive", "shared")], rates)
    others = _one_a_class_first([u for u in order if roles[u] == "no role"], rates)
    first = [*common[:MOST_GLOBAL], *specific]
    chosen = [*first, *common[MOST_GLOBAL:], *others][:MOST_UNITS]
    return sorted(chosen, key=[*common, *specific, *others].index)


def _one_a_class_first(units: Sequence[int], rates: Tensor) -> list[int]:
    """The first unit of each class, then the second of each, by the class that a unit is on in most."""
    best = rates.argmax(0).tolist()
    before: Counter[int] = Counter()
    turns = []
    for unit in units:
        turns.append(before[best[unit]])
        before[best[unit]] += 1
    return [units[i] for i in sorted(range(len(units)), key=turns.__getitem__)]


def _spread(outputs: Outputs) -> Tensor:
    """Standard deviation of each unit's code over evenly spaced samples, (M,) float64."""
    samples = evenly_spaced(len(outputs.split), MAX_SPREAD)
    return dense(rows(outputs.values["z"], samples)).double().std(0, correction=0).cpu()
