"""A small world in which a metric finds what it asks for: digits with made-up factors, and a built-in model of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute.outputs import Outputs, outputs_of
from bench.execute.seeding import seed_everything
from bench.execute.training import Training, train
from bench.plugins.loading import load_dataset, load_model_class
from bench.plugins.registry import DATASET_REGISTRY, MODEL_REGISTRY
from metrics.needs import TRAIN
from models.base import Model

N_TRAIN, N_TEST, STEPS = 200, 120, 40
SMALL = {"n_latents": 24, "hidden": 16, "k": 4, "batch_size": 50}
"""Sizes of the model, of the fields that it has."""

N_GATES = 6
CODES = ("z", "active", "gamma", "gamma_hard")
"""What has a column for each unit."""

METHODS = {
    "atoms": "atoms",
    "encode_with_budget": "encode_with_budget",
    "sample": "sample",
    "preactivations": "preactivations",
    "posterior_mean": "posterior_mean",
    "likelihood": "elbo",
}
"""Need -> the method by which a model meets it."""


@dataclass(frozen=True)
class World:
    """A data set, a model that was trained on it, and what training cost."""

    dataset: Dataset
    """Some digits, with all that a data set may know."""
    model: Model
    """A built-in one."""
    training: Training
    """What training cost."""
    needs: frozenset[str]
    """What a metric asks for."""

    def outputs(self, dataset: Dataset | None = None) -> Outputs:
        """What the model makes of the test split of the data set, or of a changed one."""
        dataset = dataset or self.dataset
        seed_everything(0, "contract", "outputs")
        outputs = outputs_of(self.model, dataset, dataset.test, self.needs)
        return replace(outputs, values=outputs.values | {"training": self.training})


def make_world(needs: Collection[str]) -> World:
    """The world of a metric that asks for some needs."""
    return World(*deepcopy(_trained(_model_for(needs))), frozenset(needs))  # a metric may change what it is given


@cache  # a process that checks several metrics trains once
def _trained(name: str) -> tuple[Dataset, Model, Training]:
    cls = _built_ins()[name]
    dataset = _with_truth(load_dataset(DATASET_REGISTRY.find("digits"), Path("data")))
    seed_everything(0, "contract", "initialisation")
    fields = {name: value for name, value in SMALL.items() if name in cls.Config.model_fields}
    model = cls(cls.Config(**fields), dataset.n_features)
    training = train(model, dataset.train, batches_seed=0, max_steps=STEPS)
    return dataset, model.eval(), training


@cache
def _built_ins() -> dict[str, type[Model]]:
    return {name: load_model_class(MODEL_REGISTRY.find(name)) for name in MODEL_REGISTRY.builtins}


def _model_for(needs: Collection[str]) -> str:
    """The built-in that meets most of what is asked of a model; of several the one that meets most of all."""

    def met(name: str) -> set[str]:
        cls = _built_ins()[name]
        methods = {need for need, method in METHODS.items() if hasattr(cls, method)}
        return methods | ({"k"} & cls.Config.model_fields.keys())

    return max(_built_ins(), key=lambda name: (len(met(name) & set(needs)), len(met(name))))


def _with_truth(digits: Dataset) -> Dataset:
    """Some digits, with factors: gates are regions with more ink than usual."""
    train = digits.train.head(N_TRAIN)
    usual = _ink(train.x).median(0).values
    present = (_ink(train.x) > usual).float()
    truth = {
        "gate_names": tuple(f"region {i}" for i in range(N_GATES)),
        "gate_roles": ("global", "global", "shared", "shared", "exclusive", "exclusive"),
        "value_names": ("ink of region 0", "ink of region 1"),
        "value_gates": (0, 1),
        "measure_names": ("ink", "height"),
        "true_atoms": torch.nn.functional.normalize(present.T @ train.x, dim=1),
        "parents": torch.tensor([-1, 0, -1, 2, -1, -1]),
    }
    categories = tuple("even" if label % 2 == 0 else "odd" for label in range(10))
    return replace(
        digits,
        train=_with_factors(train, usual),
        test=_with_factors(digits.test.head(N_TEST), usual),
        categories=categories,
        truth=truth,
    )


def _with_factors(split: Split, usual: Tensor) -> Split:
    ink = _ink(split.x)
    gates = ink > usual
    rows = torch.arange(split.x.shape[1]) / split.x.shape[1]
    measures = torch.stack([split.x.sum(1), split.x @ rows / split.x.sum(1).clamp_min(1e-6)], dim=1)
    values = torch.where(gates, ink, torch.nan)[:, :2]
    return Split(split.x, split.labels, {"gates": gates, "values": values, "measures": measures})


def _ink(x: Tensor) -> Tensor:
    """Mean of some parts of each image, (N, F)."""
    return torch.stack([part.mean(1) for part in x.tensor_split(N_GATES, dim=1)], dim=1)


def shuffled(dataset: Dataset, order: Tensor) -> Dataset:
    """The data set with its test samples in another order, and the training samples in reverse."""
    backwards = torch.arange(len(dataset.train)).flip(0)
    return replace(dataset, train=dataset.train.take(backwards), test=dataset.test.take(order))


def of_one_class(dataset: Dataset) -> Dataset:
    """The data set with the same label for every sample."""
    splits = {name: getattr(dataset, name) for name in ("train", "test")}
    return replace(dataset, **{n: replace(s, labels=torch.zeros_like(s.labels)) for n, s in splits.items()})


def of_one_sample(dataset: Dataset) -> Dataset:
    """The data set with a single test sample."""
    return replace(dataset, test=dataset.test.head(1))


def with_units(values: Mapping[str, Any], order: Tensor) -> dict[str, Any]:
    """The same values with the units in another order: unit i is what unit order[i] was."""
    back = order.argsort()
    changed = _with_codes(values, lambda z: z[:, order])
    changed |= {name: _then(values[name], lambda z: z[:, order]) for name in ENCODERS if name in values}
    changed["decode"] = lambda z: values["decode"](z[:, back])
    if "atoms" in values:
        changed["atoms"] = values["atoms"][order]
    return {**values, **changed}


def with_dead_units(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values of a model whose units are all off, whatever the input."""
    changed = _with_codes(values, torch.zeros_like)
    changed |= {name: _then(values[name], torch.zeros_like) for name in ENCODERS if name in values}
    for prefix in ("", TRAIN):
        if f"{prefix}z" in values:
            changed[f"{prefix}x_hat"] = values["decode"](torch.zeros_like(values[f"{prefix}z"]))
    return {**values, **changed}


ENCODERS = ("encode", "sample", "encode_with_budget", "preactivations", "posterior_mean")
"""What gives a column for each unit."""


def _with_codes(values: Mapping[str, Any], change: Callable[[Tensor], Any]) -> dict[str, Any]:
    return {name: change(value) for name, value in values.items() if name.removeprefix(TRAIN) in CODES}


def with_csr(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values with codes as CSR arrays, as evaluation stores large ones."""
    from scipy.sparse import csr_array

    return {**values, **_with_codes(values, lambda z: csr_array(z.numpy()))}


def _then(function: Callable[..., Tensor], change: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda *arguments: change(function(*arguments))
