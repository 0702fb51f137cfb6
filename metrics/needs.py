"""The inputs that a metric may ask for by the name of a parameter.

N samples, D features, M units, C classes. Matrices (N, M) of more than 2^28 entries are CSR if they are sparse:
`metrics.matrix` reads both.
"""

from __future__ import annotations

import difflib
from inspect import Parameter
from typing import Any, NamedTuple

from metrics.base import Metric

TRAIN = "train_"
"""Prefix of a name that asks for the same input on 5,000 training samples."""


class Need(NamedTuple):
    """One input that a metric may ask for."""

    meaning: str
    """What is passed."""
    absent: str = ""
    """Why the input may be missing, so that the metric does not apply; "" if it is never missing."""
    of_samples: bool = False
    """Whether it has a row for each sample, and so also comes with the prefix `train_`."""
    of_data: bool = False
    """Whether the data set gives it, or has it not, whatever the model is."""


NO_GAMMA = "the codes are dense: no unit is ever off, and none has an activation probability"
"""Why inputs that follow from gamma are missing."""

NO_TRAINING_SAMPLES = "training samples are not at hand: only the model and what it is measured on were given"
"""Why inputs of training samples are missing that a model always has."""

NO_TRUTH = "the data set has no known {}"
"""Why inputs that describe how the data were made are missing."""

NO_CATEGORIES = "the classes have no known categories"
"""Why inputs that follow from categories are missing."""

NO_MEASURES = "the data set has no measured shapes"
"""Why inputs that follow from measures are missing."""

NEEDS: dict[str, Need] = {
    "x": Need("inputs (N, D)", of_samples=True),
    "x_hat": Need("reconstructions (N, D)", of_samples=True),
    "z": Need("codes (N, M), exact zeros where a unit is off", of_samples=True),
    "active": Need("whether units are on, (N, M) bool", of_samples=True),
    "gamma": Need("activation probabilities (N, M) in [0, 1]", NO_GAMMA, of_samples=True),
    "gamma_hard": Need("whether gamma is above 1/2, (N, M) bool", NO_GAMMA, of_samples=True),
    "labels": Need(
        "classes (N,) int64: all inputs are then of the samples that have one",
        "no sample has a label",
        of_samples=True,
        of_data=True,
    ),
    "categories": Need("index of each class's category (C,)", NO_CATEGORIES, of_data=True),
    "category_names": Need("names of the categories", NO_CATEGORIES, of_data=True),
    "atoms": Need("decoder rows (M, D)", "the model has no atoms"),
    "k": Need("the trained number of active units", "the model has no k"),
    "training": Need("what training cost: steps, seconds, ...", "training is not at hand: only weights were loaded"),
    "downstream": Need(
        "what a network predicts with a layer's output reconstructed, zero or at its mean: see metrics.downstream",
        "the network that the inputs are activations of was not at hand: see `bench evaluate --downstream`",
    ),
    "model": Need("the model itself"),
    "likelihood": Need("the model, for its bounds on log p(x)", "the model has no likelihood"),
    "encode": Need("function: inputs -> dense codes"),
    "decode": Need("function: dense codes -> reconstructions"),
    "sample": Need("function: inputs -> dense codes with the noise of training", "the model's encoder has no noise"),
    "posterior_mean": Need(
        "function: inputs -> means of the units' Gaussians (N, M)", "the model has no Gaussian posterior"
    ),
    "pseudo_labels": Need(
        "function: inputs -> the classes that the model made for itself (N,), or None",
        "the model makes no classes of its own",
    ),
    "encode_with_budget": Need("function: inputs, k -> dense codes", "the model's budget cannot be set"),
    "preactivations": Need(
        "function: inputs -> values before the selection (N, M)", "the model has no pre-activations"
    ),
    "embedding": Need(
        "what another network makes of the inputs (N, E), or else the inputs themselves", of_samples=True
    ),
    "mean_embedding": Need("their mean over the training samples (E,)", NO_TRAINING_SAMPLES),
    "own_units": Need(
        "function: inputs -> the same in the data's own units", "the inputs are not normalised", of_data=True
    ),
    "patch_side": Need(
        "side of the square patches that the inputs are", "the inputs are not patches of images", of_data=True
    ),
    "gates": Need("which factors are present, (N, F) bool", NO_TRUTH.format("factors"), of_samples=True, of_data=True),
    "gate_names": Need("names of the factors", NO_TRUTH.format("factors"), of_data=True),
    "gate_roles": Need(
        "role of each factor: global, shared or exclusive", NO_TRUTH.format("roles of factors"), of_data=True
    ),
    "values": Need(
        "values of the factors (N, V), NaN where absent", NO_TRUTH.format("values"), of_samples=True, of_data=True
    ),
    "value_names": Need("names of the values", NO_TRUTH.format("values"), of_data=True),
    "value_gates": Need("index of each value's factor", NO_TRUTH.format("values"), of_data=True),
    "measures": Need("measured shape (N, P)", NO_MEASURES, of_samples=True, of_data=True),
    "measure_names": Need("names of the measures", NO_MEASURES, of_data=True),
    "true_atoms": Need("the atoms that made the data (F, D)", NO_TRUTH.format("atoms"), of_data=True),
    "parents": Need(
        "index of each factor's parent (F,), negative for none", NO_TRUTH.format("hierarchy"), of_data=True
    ),
}
"""Name -> what evaluation passes to a metric that has a parameter of that name."""

NEAR = 0.8
"""An optional parameter counts as a misspelt need if its name is at least this similar to one."""


def find_need(name: str) -> Need | None:
    """The need that a parameter's name stands for; None if there is no such need."""
    if name in NEEDS:
        return NEEDS[name]
    of_train = NEEDS.get(name.removeprefix(TRAIN)) if name.startswith(TRAIN) else None
    return of_train if of_train and of_train.of_samples else None


def misspelt(metric: Metric[..., Any]) -> list[str]:
    """The problems with the parameters of a metric, one sentence each; an empty list if there are none.

    A parameter with a default is allowed if its name is not similar to a need: it is an option of the metric.
    """
    words = [*NEEDS, *(f"{TRAIN}{name}" for name, need in NEEDS.items() if need.of_samples), *metric.own_needs]
    problems = [
        f"it takes '{name}' by position only; evaluation passes it by its name."
        for name, parameter in metric.parameters.items()
        if parameter.kind is Parameter.POSITIONAL_ONLY
    ]
    for name, parameter in metric.parameters.items():
        if find_need(name) or name in metric.own_needs:
            continue
        optional = parameter.default is not Parameter.empty
        close = difflib.get_close_matches(name, words, n=1, cutoff=NEAR if optional else 0.6)
        if close or not optional:
            guess = f" Did you mean '{close[0]}'?" if close else ""
            problems.append(f"it asks for '{name}', which nothing provides.{guess}")
    problems += [
        f"it declares the need '{name}' and has no parameter of that name."
        for name in metric.own_needs
        if name not in metric.parameters
    ]
    return problems


def why_absent(metric: Metric[..., Any], name: str) -> str:
    """Why a metric that asks for `name` does not apply if that input is missing."""
    need = find_need(name)
    if need is None:
        return f"the data set does not know '{name}'"
    return need.absent or NO_TRAINING_SAMPLES
