"""The contract of a metric: what it may return, and what its value must not depend on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import Parameter
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from bench.datasets.base import Dataset
from bench.execute.contract.checking import Check, Outcome, listed, run_checks
from bench.execute.contract.world import (
    World,
    make_world,
    of_one_class,
    of_one_sample,
    shuffled,
    with_csr,
    with_dead_units,
    with_units,
)
from bench.execute.evaluation import evaluate
from bench.execute.outputs import Outputs
from bench.execute.seeding import random_numbers_kept, seed_everything
from bench.plugins.loading import UNDECORATED, metric_problems
from bench.plugins.plugin import Plugin
from metrics.base import Dimension, Metric, NotApplicable

ALIKE = 1e-4
"""Relative difference that the order of sums may make."""

OF_ORDER = re.compile(r"\b(order|i-th|noise|random|drawn)\b")
"""Words of a docstring that says that the order of samples or units matters, or that noise is drawn."""

DECLARED = "It is declared as a metric, and asks for what there is"
TRIED = "It can be tried on a built-in model of digits"

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """A metric under test."""

    metric: Metric[..., Any]
    """The metric."""
    world: World
    """What it is tried on."""

    @cached_property
    def outputs(self) -> Outputs:
        """Of the world as it is."""
        return self.world.outputs()

    @cached_property
    def value(self) -> Any:
        """Of the world as it is."""
        return self.of(self.outputs.values)

    @cached_property
    def draws(self) -> bool:
        """Whether it draws noise: another seed gives another value."""
        return bool(_difference(self.value, self.of(self.outputs.values, seed=1), alike=0))

    @property
    def says_so(self) -> bool:
        """Whether it says that order matters, or that noise is drawn, so that order does."""
        return self.draws or bool(OF_ORDER.search(self.metric.__doc__ or ""))

    @property
    def takes_matrices(self) -> bool:
        """Whether it declares that it takes CSR arrays as well as tensors."""
        annotations = [str(parameter.annotation) for parameter in self.metric.parameters.values()]
        return any("Matrix" in each or "csr_array" in each for each in annotations)

    def of(self, values: Values, seed: int = 0) -> Any:
        """The value, as evaluation computes it, but from copies: a metric may change what it is given."""
        return self.of_these({name: _copied(value) for name, value in values.items()}, seed)

    @torch.no_grad()
    def of_these(self, values: Values, seed: int = 0) -> Any:
        """The value, as evaluation computes it: with what it asks for, and noise of its own."""
        seed_everything(seed, "contract", "metric")
        return self.metric(**{name: values[name] for name in self.metric.parameters if name in values})


def check_metric(plugin: Plugin, found: Any) -> list[Outcome]:
    """Try everything that the harness asks of a metric."""
    if not isinstance(found, Metric):
        return [Outcome(DECLARED, f"the function {plugin.object_name} has no declaration: {UNDECORATED}")]
    problems = metric_problems(found)
    if problems:
        return [Outcome(DECLARED, problem) for problem in problems]
    outcomes = [Outcome(DECLARED), *run_checks([Check(is_read)], found, plugin)]
    with random_numbers_kept():
        subject = Subject(found, make_world(found.parameters))
        absent = [
            name
            for name, parameter in found.parameters.items()
            if parameter.default is Parameter.empty and name not in subject.outputs.values
        ]
        if absent:
            words = listed(f"'{name}'" for name in absent)
            return [*outcomes, Outcome(f"{TRIED}: left out, as there is none with {words}")]
        return [*outcomes, *run_checks(METRIC, subject, plugin)]


def is_read(metric: Metric[..., Any]) -> str:
    """Its declaration has a label, a source and a docstring."""
    info = metric.info
    missing = [name for name, word in {"label": info.label, "source": info.source}.items() if not word.strip()]
    missing += [] if info.explanation else ["docstring: one line that says what it measures"]
    return f"it has no {listed(missing)}." if missing else ""


def returns(subject: Subject) -> str:
    """It returns a number, a dict of numbers, a tensor as declared, or NotApplicable; none is NaN or out of range."""
    return _flaw(subject, subject.value, subject.outputs)


def _flaw(subject: Subject, value: Any, outputs: Outputs) -> str:
    """Why evaluation would not take a value; "" where it does."""
    if isinstance(value, NotApplicable):
        return "" if value.reason else "NotApplicable has no reason: say why there is no value, as a clause."
    if isinstance(value, dict) and not value:
        return "it returns an empty dict; return NotApplicable with the reason."
    given = Metric(lambda: value, subject.metric.info, False, {})
    error = evaluate(outputs, {"it": given}, seed=0).errors.get("it", "")
    return f"{error.partition(': ')[2]}; return NotApplicable with the reason." if "NaN" in error else error


def repeats(subject: Subject) -> str:
    """It gives the same value twice."""
    difference = _difference(subject.value, subject.of(subject.outputs.values))
    return f"{difference} on the second call: draw noise by torch's generator, which is seeded." if difference else ""


def ignores_the_order_of_samples(subject: Subject) -> str | None:
    """Its value does not depend on the order of the samples, unless its docstring says so."""
    if subject.says_so:
        return None
    order = torch.arange(len(subject.outputs.split)).flip(0)
    value = subject.of(subject.world.outputs(shuffled(subject.world.dataset, order)).values)
    return _of_order("samples", subject.value, _reordered(value, subject, "sample", order))


def ignores_the_order_of_units(subject: Subject) -> str | None:
    """Its value does not depend on the order of the units, unless its docstring says so."""
    if subject.says_so or "model" in subject.metric.parameters:
        return None
    order = torch.arange(subject.world.model.config.n_latents).flip(0)
    value = subject.of(with_units(subject.outputs.values, order))
    return _of_order("units", subject.value, _reordered(value, subject, "unit", order))


def _of_order(noun: str, before: Any, after: Any) -> str:
    difference = _difference(before, after)
    if not difference:
        return ""
    return f"{difference} with the {noun} in reverse order. If that is meant, say in its docstring how order matters."


def _reordered(value: Any, subject: Subject, dimension: Dimension, order: Tensor) -> Any:
    """A tensor of the changed world with its rows, or columns, put back."""
    if not isinstance(value, Tensor):
        return value
    for axis, each in enumerate(subject.metric.info.dimensions):
        if each == dimension:
            value = value.index_select(axis, order.argsort().to(value.device))
    return value


def reads_csr(subject: Subject) -> str | None:
    """Codes that are stored as CSR give the value of dense ones."""
    if not subject.takes_matrices:
        return None
    difference = _difference(subject.value, subject.of(with_csr(subject.outputs.values)))
    return f"{difference} from CSR arrays: use the functions of metrics.matrix." if difference else ""


def leaves_inputs_alone(subject: Subject) -> str:
    """It does not change what it is given."""
    values = dict(subject.outputs.values)
    for given in (values, with_csr(values)) if subject.takes_matrices else (values,):
        arrays = {name: each for name, each in given.items() if isinstance(each, Tensor | csr_array)}
        before = {name: _array(each).copy() for name, each in arrays.items()}
        subject.of_these(given)
        for name, each in arrays.items():
            if not np.array_equal(_array(each), before[name], equal_nan=each.dtype not in (torch.bool, np.bool_)):
                return f"it changes '{name}' in place; work on a copy."
    return ""


def _degenerate(subject: Subject, outputs: Outputs) -> str:
    return _flaw(subject, subject.of(outputs.values), outputs)


def takes_dead_units(subject: Subject) -> str:
    """With all units dead it gives a number, or NotApplicable."""
    return _degenerate(subject, replace(subject.outputs, values=with_dead_units(subject.outputs.values)))


def takes_one_class(subject: Subject) -> str:
    """With a single class it gives a number, or NotApplicable."""
    return _of(subject, of_one_class)


def takes_one_sample(subject: Subject) -> str:
    """With a single sample it gives a number, or NotApplicable."""
    return _of(subject, of_one_sample)


def _of(subject: Subject, change: Callable[[Dataset], Dataset]) -> str:
    return _degenerate(subject, subject.world.outputs(change(subject.world.dataset)))


def _numbers(value: Any) -> dict[str, np.ndarray]:
    """What a metric returned, as arrays of float64 by key; nothing where it does not apply."""
    if isinstance(value, NotApplicable):
        return {}
    items = value.items() if isinstance(value, dict) else [("", value)]
    return {str(key): np.asarray(_array(each), np.float64) for key, each in items}


def _array(value: Any) -> np.ndarray:
    if isinstance(value, csr_array):
        return np.asarray(value.toarray())
    return np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    return value.copy() if isinstance(value, csr_array) else value


def _called(key: str) -> str:
    return f"'{key}'" if key else "the value"


def _difference(before: Any, after: Any, alike: float = ALIKE) -> str:
    """In words, how two values differ by more than rounding; "" where they do not."""
    first, second = _numbers(before), _numbers(after)
    if isinstance(before, NotApplicable) and isinstance(after, NotApplicable):
        return ""
    for key in [*first, *second]:
        if key not in first or key not in second or first[key].shape != second[key].shape:
            return f"{_called(key)} is there only once, or has another shape"
        if not np.allclose(first[key], second[key], rtol=alike, atol=alike * 1e-2, equal_nan=True):
            if first[key].ndim:
                return f"{_called(key)} differs by up to {np.nanmax(abs(first[key] - second[key])):.3g}"
            return f"{_called(key)} changes from {first[key]:.6g} to {second[key]:.6g}"
    return ""


METRIC = (
    Check(
        returns,
        then=(
            Check(repeats, then=(Check(ignores_the_order_of_samples), Check(ignores_the_order_of_units))),
            Check(reads_csr, then=(Check(leaves_inputs_alone),)),
            Check(takes_dead_units),
            Check(takes_one_class),
            Check(takes_one_sample),
        ),
    ),
)
"""What is tried of a metric that is declared."""
