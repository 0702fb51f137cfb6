"""What a unit does: varied over its own values in a sample, and decoded (Sangari Abiz et al. 2025, 2505.14476)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.execute.views import View, numbers, rates
from metrics.matrix import columns, dense, evenly_spaced, rows
from metrics.roles import roles
from models.base import SparseCodes
from models.capabilities import HasLikelihood

TRAVERSED, GLOBAL_TRAVERSED = 8, 3
STEPS = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
"""Quantiles of a unit's active values at which it is decoded."""

MAX_SPREAD = 1000
"""Samples over which the spread of a unit is taken."""


@dataclass(frozen=True)
class Traversals:
    """Units varied in a sample of a class: inputs (U, D), decoded (U, S, D), names of units and of steps."""

    x: np.ndarray
    decoded: np.ndarray
    labels: list[str]
    steps: list[str]


@torch.no_grad()
def traversals(view: View, n_units: int = TRAVERSED) -> Traversals | None:
    """The top global and class-specific units, each varied over its own values in a sample of the class it is on in.

    None for a model that has neither a likelihood nor sparse codes, and where no unit is ever on.
    """
    generative = isinstance(view.model, HasLikelihood)
    sparse = isinstance(view.model.encode(view.split.x[:1]), SparseCodes)
    if not view.classes or not (generative or sparse):
        return None
    by_class = rates(view)
    named = roles(by_class)
    units = _units_to_traverse(view, by_class, named, n_units)
    if not units:
        return None
    # A global unit is on in all classes: each is shown in another one.
    best = by_class.argmax(0).tolist()
    where = [i % len(by_class) if named[unit] == "global" else best[unit] for i, unit in enumerate(units)]
    found = [_traverse(view, unit, index) for unit, index in zip(units, where, strict=True)]
    labels = [f"unit {unit}, {named[unit]}\nin {view.names[i]}" for unit, i in zip(units, where, strict=True)]
    x, decoded = (np.stack(each) for each in zip(*found, strict=True))
    return Traversals(x, decoded, labels, ["off", *(f"{100 * step:.0f}%" for step in STEPS)])


def _units_to_traverse(view: View, by_class: Tensor, named: Sequence[str], limit: int) -> list[int]:
    """First global units, by the lowest rate over classes; then class-specific ones, by how much one class stands out.

    Rates are weighted by the spread of the code: a unit that hardly moves shows nothing.
    """
    live = [unit for unit, role in enumerate(named) if role != "dead"]
    spread = _spread(view)
    everywhere = by_class.amin(0) * spread
    standing_out = (by_class.amax(0) - by_class.mean(0)) * spread
    common = sorted((u for u in live if named[u] == "global"), key=lambda u: -float(everywhere[u]))
    order = sorted(live, key=lambda u: -float(standing_out[u]))
    specific = _one_a_class_first([u for u in order if named[u] in ("exclusive", "shared")], by_class)
    others = _one_a_class_first([u for u in order if named[u] == "no role"], by_class)
    first = [*common[:GLOBAL_TRAVERSED], *specific]
    chosen = [*first, *common[GLOBAL_TRAVERSED:], *others][:limit]
    return sorted(chosen, key=[*common, *specific, *others].index)


def _one_a_class_first(units: Sequence[int], by_class: Tensor) -> list[int]:
    """The first unit of each class, then the second of each, by the class that a unit is on in most."""
    best = by_class.argmax(0).tolist()
    turns = [sum(best[other] == best[unit] for other in units[:i]) for i, unit in enumerate(units)]
    return [units[i] for i in sorted(range(len(units)), key=lambda i: turns[i])]


def _spread(view: View) -> Tensor:
    """Standard deviation of each unit's code over evenly spaced samples, (M,) float64."""
    return dense(rows(view.z, evenly_spaced(len(view.split), MAX_SPREAD))).double().std(0, correction=0).cpu()


def _traverse(view: View, unit: int, class_index: int) -> tuple[np.ndarray, np.ndarray]:
    """The first sample of a class in which the unit is on, and what is decoded as the unit goes over its values."""
    members = (view.split.labels == view.classes[class_index]).nonzero().flatten()
    index = torch.tensor([unit])
    on = dense(columns(rows(view.active, members), index)).flatten().bool().cpu()
    values = dense(columns(rows(view.z, members), index)).flatten().cpu()[on]
    sample = members.cpu()[on][:1]
    levels = torch.quantile(values.double(), torch.tensor(STEPS, dtype=torch.float64)).to(values.dtype)
    device = view.split.x.device
    codes = dense(rows(view.z, sample)).to(device).repeat(len(levels) + 1, 1)
    codes[:, unit] = torch.cat([values.new_zeros(1), levels]).to(device)
    return numbers(view.split.x[sample[0]]), numbers(view.given["decode"](codes))
