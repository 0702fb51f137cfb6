"""From the outputs of a model to its views: the samples, atoms and codes that figures draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import first_line
from bench.execute.outputs import Outputs
from bench.execute.traversing import Classes, classes_of, top_samples, traversals, units_to_show
from bench.execute.units import unit_views
from bench.store.views import Views
from metrics.dimensions import order_by_role, unit_roles
from metrics.matrix import column_sums, dense, evenly_spaced, rows
from models.parts.hardware import products_in

MAX_EXAMPLES = 20
UNLABELLED_EXAMPLES = 10
MAX_ATOMS = 100
BUILT, MAX_BUDGETS = 3, 10
MAPPED, COMPONENTS = 1000, 50

Part = dict[str, Any]


@torch.no_grad()
@products_in("float32")
def views_of(outputs: Outputs) -> Views:
    """All views of a model; a part that a plug-in's code cannot make is named with the reason, and left out."""
    classes = classes_of(outputs)
    shown = units_to_show(outputs, classes) if classes else []
    parts: dict[str, Callable[[], Part]] = {
        "reconstructions": lambda: _examples(outputs, classes),
        "atoms": lambda: _atoms(outputs),
        "traversals": lambda: traversals(outputs, classes, shown) if classes else {},
        "top samples": lambda: top_samples(outputs, classes, shown) if classes else {},
        "units": lambda: unit_views(outputs, classes),
        "rebuilding": lambda: _built(outputs, classes),
        "map of the codes": lambda: _code_points(outputs, classes),
        "map of the atoms": lambda: _atom_points(outputs, classes) if classes else {},
    }
    missing = [f"{need}: {first_line(error)}" for need, error in outputs.failed.items()]
    found: Part = {"image_shape": np.array(outputs.dataset.image_shape, np.int64)} | _classes(outputs, classes)
    for name, make in parts.items():
        try:
            found |= make()
        except (Exception, SystemExit) as error:  # a model may be a plug-in: its numbers stand without pictures
            missing.append(f"{name}: {type(error).__name__}: {first_line(str(error))}")
    return Views(**{name: _numpy(value) for name, value in found.items()}, missing=np.array(missing, np.str_))


def _numpy(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def _classes(outputs: Outputs, classes: Classes | None) -> Part:
    """The classes that occur, and the units by their roles."""
    if classes is None:
        return {}
    roles = unit_roles(classes.rates)
    known = outputs.dataset.categories
    return {
        "class_names": np.array(classes.names, np.str_),
        "categories": np.array([known[label] for label in classes.labels] if known else [], np.str_),
        "unit_roles": np.array(roles, np.str_),
        "unit_order": order_by_role(classes.rates.numpy(), roles),
    }


def _example_samples(outputs: Outputs, classes: Classes | None) -> tuple[Tensor, list[str]]:
    """The first sample of each class, at most 20, and the classes' names; evenly spaced samples without classes."""
    if classes is None:
        return evenly_spaced(len(outputs.split), UNLABELLED_EXAMPLES), []
    first = [int((outputs.split.labels == label).nonzero()[0]) for label in classes.labels[:MAX_EXAMPLES]]
    return torch.tensor(first), classes.names[:MAX_EXAMPLES]


def _examples(outputs: Outputs, classes: Classes | None) -> Part:
    chosen, names = _example_samples(outputs, classes)
    chosen = chosen.to(outputs.split.x.device)
    return {
        "inputs": outputs.split.x[chosen],
        "outputs": outputs.values["x_hat"][chosen],
        "input_names": np.array(names, np.str_),
    }


def _use(outputs: Outputs) -> np.ndarray:
    """How often each unit is on, (M,)."""
    return _numpy(column_sums(outputs.values["active"]))


def _atoms(outputs: Outputs) -> Part:
    """The atoms that are used most; those that are never used only where all are."""
    if "atoms" not in outputs.values:
        return {}
    use = _use(outputs)
    shown = np.argsort(-use, kind="stable")[: min(MAX_ATOMS, np.count_nonzero(use) or MAX_ATOMS)]
    return {"atoms": _numpy(outputs.values["atoms"])[shown]}


def _built(outputs: Outputs, classes: Classes | None) -> Part:
    """Samples rebuilt with more and more units; nothing for a model whose budget cannot be set."""
    values = outputs.values
    if "encode_with_budget" not in values or "k" not in values:
        return {}
    chosen, _ = _example_samples(outputs, classes)
    x = outputs.split.x[chosen[evenly_spaced(len(chosen), BUILT)].to(outputs.split.x.device)]
    k = values["k"]
    budgets = sorted({int(b) for b in np.geomspace(1, k, MAX_BUDGETS).round()}) if k > MAX_BUDGETS else range(1, k + 1)
    codes = [values["encode_with_budget"](x, budget) for budget in budgets]
    built = torch.stack([values["decode"](z) for z in [torch.zeros_like(codes[0]), *codes]], dim=1)
    return {"built_inputs": x, "built": built, "built_budgets": np.array(list(budgets))}


def _code_points(outputs: Outputs, classes: Classes | None) -> Part:
    chosen = evenly_spaced(len(outputs.split), MAPPED)
    points = _components(dense(rows(outputs.values["z"], chosen)))
    labels = _numpy(outputs.split.labels)[chosen.numpy()]
    index = np.where(labels < 0, -1, np.searchsorted(classes.labels if classes else [], labels))
    return {"code_points": points, "code_classes": index}


def _atom_points(outputs: Outputs, classes: Classes) -> Part:
    """The 1,000 most used atoms that are ever on."""
    if "atoms" not in outputs.values:
        return {}
    use = _use(outputs)
    units = np.argsort(-use, kind="stable")[:MAPPED]
    units = units[use[units] > 0]
    points = _components(outputs.values["atoms"][torch.from_numpy(units).to(outputs.split.x.device)])
    return {"atom_points": points, "atom_classes": classes.rates.numpy().argmax(0)[units]}


def _components(points: Tensor) -> np.ndarray:
    """Points (N, P) about their mean along their 50 leading principal components, (N, 50) float64.

    As they are, about their mean, where P is at most 50: distances are the same. Fewer than 50 where N is less.
    """
    centred = points.double().cpu()
    centred = centred - centred.mean(0)
    if centred.shape[1] <= COMPONENTS:
        return _numpy(centred)
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    top = slice(-min(COMPONENTS, len(centred)), None)
    return _numpy(vectors[:, top] * values[top].clamp_min(0).sqrt())
