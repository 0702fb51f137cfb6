"""What a unit does: varied and decoded (Sangari Abiz et al. 2025, 2505.14476), and where its code is largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.execute.outputs import Outputs
from metrics.dimensions import class_rates, unit_roles
from metrics.matrix import columns, dense, evenly_spaced, rows

TRAVERSED, GLOBAL_TRAVERSED = 8, 3
STEPS = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
"""Quantiles of a unit's active values at which it is decoded."""

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


def traversals(outputs: Outputs, classes: Classes) -> dict[str, Any]:
    """The top global and class-specific units, each varied over its own values in a sample of the class it is on in.

    Nothing for a model that has neither a likelihood nor sparse codes, and where no unit is ever on.
    """
    if not outputs.values.keys() & {"gamma", "likelihood"}:
        return {}
    roles = unit_roles(classes.rates)
    units = _units_to_show(outputs, classes, roles)
    if not units:
        return {}
    # A global unit is on in all classes: each is shown in another one.
    best = classes.rates.argmax(0).tolist()
    where = [i % len(classes.labels) if roles[unit] == "global" else best[unit] for i, unit in enumerate(units)]
    found = [_traverse(outputs, unit, classes.labels[index]) for unit, index in zip(units, where, strict=True)]
    names = [f"unit {unit}, {roles[unit]}\nin {classes.names[i]}" for unit, i in zip(units, where, strict=True)]
    x, decoded = (torch.stack(each) for each in zip(*found, strict=True))
    return {
        "traversal_inputs": x,
        "traversals": decoded,
        "traversal_names": np.array(names, np.str_),
        "traversal_steps": np.array(["off", *(f"{100 * step:.0f}%" for step in STEPS)], np.str_),
    }


def top_samples(outputs: Outputs, classes: Classes) -> dict[str, Any]:
    """For the same units the nine samples in which their codes are largest, largest first."""
    roles = unit_roles(classes.rates)
    units = _units_to_show(outputs, classes, roles)
    if not units:
        return {}
    codes = dense(columns(outputs.values["z"], torch.tensor(units))).cpu()
    chosen = codes.topk(min(TOP_SAMPLES, len(codes)), dim=0).indices.T.to(outputs.split.x.device)
    names = [f"unit {unit}, {roles[unit]}" for unit in units]
    return {"top_inputs": outputs.split.x[chosen], "top_names": np.array(names, np.str_)}


def _units_to_show(outputs: Outputs, classes: Classes, roles: Sequence[str]) -> list[int]:
    """First global units, by the lowest rate over classes; then class-specific ones, by how much one class stands out.

    Rates are weighted by the spread of the code: a unit that hardly moves shows nothing.
    """
    rates = classes.rates
    live = [unit for unit, role in enumerate(roles) if role != "dead"]
    spread = _spread(outputs)
    everywhere = rates.amin(0) * spread
    standing_out = (rates.amax(0) - rates.mean(0)) * spread
    common = sorted((u for u in live if roles[u] == "global"), key=lambda u: -float(everywhere[u]))
    order = sorted(live, key=lambda u: -float(standing_out[u]))
    specific = _one_a_class_first([u for u in order if roles[u] in ("exclusive", "shared")], rates)
    others = _one_a_class_first([u for u in order if roles[u] == "no role"], rates)
    first = [*common[:GLOBAL_TRAVERSED], *specific]
    chosen = [*first, *common[GLOBAL_TRAVERSED:], *others][:TRAVERSED]
    return sorted(chosen, key=[*common, *specific, *others].index)


def _one_a_class_first(units: Sequence[int], rates: Tensor) -> list[int]:
    """The first unit of each class, then the second of each, by the class that a unit is on in most."""
    best = rates.argmax(0).tolist()
    turns = [sum(best[other] == best[unit] for other in units[:i]) for i, unit in enumerate(units)]
    return [units[i] for i in sorted(range(len(units)), key=lambda i: turns[i])]


def _spread(outputs: Outputs) -> Tensor:
    """Standard deviation of each unit's code over evenly spaced samples, (M,) float64."""
    samples = evenly_spaced(len(outputs.split), MAX_SPREAD)
    return dense(rows(outputs.values["z"], samples)).double().std(0, correction=0).cpu()


def _traverse(outputs: Outputs, unit: int, label: int) -> tuple[Tensor, Tensor]:
    """The first sample of a class in which the unit is on, and what is decoded as the unit goes over its values."""
    values, x = outputs.values, outputs.split.x
    members = (outputs.split.labels == label).nonzero().flatten()
    index = torch.tensor([unit])
    on = dense(columns(rows(values["active"], members), index)).flatten().bool().cpu()
    levels_of = dense(columns(rows(values["z"], members), index)).flatten().cpu()[on]
    sample = members.cpu()[on][:1]
    levels = torch.quantile(levels_of.double(), torch.tensor(STEPS, dtype=torch.float64)).to(levels_of.dtype)
    codes = dense(rows(values["z"], sample)).to(x.device).repeat(len(levels) + 1, 1)
    codes[:, unit] = torch.cat([levels_of.new_zeros(1), levels]).to(x.device)
    return x[sample[0]], values["decode"](codes)
