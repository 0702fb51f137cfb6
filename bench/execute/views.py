"""From a trained model and a data set to the arrays that figures draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute.evaluation import BATCH_SIZE
from bench.execute.needs import gather
from metrics.dimensions import class_rates
from metrics.matrix import Matrix, column_sums, evenly_spaced
from models.base import Model

MAX_EXAMPLES = 20
UNLABELLED_EXAMPLES = 10
BUILT, MAX_BUDGETS = 5, 10


@dataclass(frozen=True)
class View:
    """What a model does on a split: all that `bench.execute.needs.gather` gives, and the classes that occur."""

    model: Model
    dataset: Dataset
    split: Split
    given: dict[str, Any]
    classes: list[int]

    @property
    def names(self) -> list[str]:
        """Names of the classes that occur, in their order."""
        known = self.dataset.class_names
        return [known[label] if label < len(known) else str(label) for label in self.classes]

    @property
    def active(self) -> Matrix:
        """(N, M): where units are on."""
        active: Matrix = self.given["active"]
        return active

    @property
    def z(self) -> Matrix:
        """(N, M): the codes."""
        z: Matrix = self.given["z"]
        return z


@torch.no_grad()
def view_of(model: Model, dataset: Dataset, split: Split) -> View:
    """Encode and decode a split once, for all figures."""
    model.eval()
    given = gather(model, dataset, split, (), BATCH_SIZE)
    return View(model, dataset, split, given, split.labels.unique().tolist() if "labels" in given else [])


def numbers(values: Tensor) -> np.ndarray:
    """A tensor as an array."""
    array: np.ndarray = values.detach().cpu().numpy()
    return array


def use(view: View) -> np.ndarray:
    """The rate at which each unit is on, (M,)."""
    return numbers(column_sums(view.active) / len(view.split))


def examples(view: View) -> tuple[Tensor, list[str]]:
    """The first sample of each class, at most 20, and the classes' names; evenly spaced samples without classes."""
    if not view.classes:
        return evenly_spaced(len(view.split), UNLABELLED_EXAMPLES), []
    first = [int((view.split.labels == label).nonzero()[0]) for label in view.classes[:MAX_EXAMPLES]]
    return torch.tensor(first), view.names[:MAX_EXAMPLES]


def reconstructed(view: View) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Inputs, their reconstructions and the names of their classes."""
    chosen, names = examples(view)
    return numbers(view.split.x[chosen]), numbers(view.given["x_hat"][chosen]), names


def rates(view: View) -> Tensor:
    """The rate at which each unit is on in each class, (C, M)."""
    return class_rates(view.active, view.split.labels).cpu()


def gamma_means(view: View) -> np.ndarray | None:
    """Mean activation probability of each unit in each class, (C, M); None where the model defines none."""
    if "gamma" not in view.given or not view.classes:
        return None
    return numbers(class_rates(view.given["gamma"], view.split.labels))


@torch.no_grad()
def built_up(view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]] | None:
    """Inputs (S, D), rebuilt with more and more units (S, B, D), what each step adds (S, B, D), and the budgets.

    None for a model whose budget cannot be set.
    """
    if "encode_with_budget" not in view.given or "k" not in view.given:
        return None
    chosen, _ = examples(view)
    x = view.split.x[chosen[evenly_spaced(len(chosen), BUILT)]]
    decode: Callable[[Tensor], Tensor] = view.given["decode"]
    k = view.given["k"]
    budgets = sorted({int(b) for b in np.geomspace(1, k, MAX_BUDGETS).round()}) if k > MAX_BUDGETS else range(1, k + 1)
    codes = [view.given["encode_with_budget"](x, budget) for budget in budgets]
    built = torch.stack([decode(z) for z in [torch.zeros_like(codes[0]), *codes]], dim=1)
    return numbers(x), numbers(built[:, 1:]), numbers(built.diff(dim=1)), list(budgets)
