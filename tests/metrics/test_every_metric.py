"""What holds for every metric: order, dead units, sparse storage, ends, errors, and the batch it was encoded in."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute import inline
from bench.execute.evaluation import evaluate
from bench.execute.job import Job
from bench.execute.training import train
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.plugins.loading import load_model_class, load_trained
from bench.plugins.registry import MODEL_REGISTRY
from bench.store.runs import RunStore
from models.base import Model
from tests.metrics.cases import CODES, METRICS, Samples, assert_same, csr, given, make_world, needs, numbers, value_of

NAMES = list(METRICS)
TAKING_MATRICES = [
    name
    for name, function in METRICS.items()
    if "Matrix" in {parameter.annotation for parameter in inspect.signature(function).parameters.values()}
]

ORDERED = {
    "gamma_jsd": "between classes the i-th sample meets the i-th",
    "noise_fvu": "the i-th sample gets the i-th row of the noise",
}
"""Metrics that the order of the samples changes, and why."""

OF_ALL_UNITS = {
    "hoyer": "normalised by M",
    "gini": "normalised by M",
    "dead_fraction": "a share of the units",
    "always_on_fraction": "a share of the units",
    "density": "one row a unit",
    "class_gamma": "one column a unit",
    "class_rates": "one column a unit",
    "unit_tracking": "one row a unit",
    "activity_variance": "a mean over units",
    "gamma_variance": "a mean over units",
    "roles": "counts dead units",
    "class_correlation": "a correlation over units: one that all classes leave off makes them alike",
    "category_gap": "made of class correlations",
    "category_correlations": "made of class correlations",
    "cosine_quantiles": "over all atoms, dead ones as well",
    "tail_ratio": "a mean over all units that are not selected",
    "targeted_perturbation": "takes ten units, dead ones before harmful ones",
}
"""Metrics that further dead units change, and why."""


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_units_does_not_matter(name: str) -> None:
    world = make_world()
    order = torch.randperm(len(world.atoms))
    before, after = (value_of(name, given(w)) for w in (world, replace(world, atoms=world.atoms[order])))
    if isinstance(before, Tensor):
        before = before[order] if len(before) == len(order) else before
        before = before[:, order] if before.ndim == 2 and before.shape[1] == len(order) else before
    assert_same(after, before)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ORDERED])
def test_the_order_of_samples_does_not_matter(name: str) -> None:
    world = make_world()
    shuffled = replace(world, **{key: _shuffled(getattr(world, key)) for key in ("test", "train")})
    assert_same(value_of(name, given(shuffled)), value_of(name, given(world)))


def _shuffled(samples: Samples) -> Samples:
    return samples.take(torch.randperm(len(samples.x)))


@pytest.mark.parametrize("name", NAMES)
def test_further_dead_units_change_only_what_is_defined_over_all_units(name: str) -> None:
    world = make_world()
    longer = replace(world, atoms=torch.cat([world.atoms, torch.zeros(4, world.atoms.shape[1])]))
    before, after = value_of(name, given(world)), value_of(name, given(longer))
    if name not in OF_ALL_UNITS:
        assert_same(after, before)
    elif OF_ALL_UNITS[name] == "one row a unit":
        assert_same(after, torch.cat([before, torch.zeros(4, *before.shape[1:])]))


def test_the_exceptions_are_metrics_and_have_a_reason() -> None:
    assert {*ORDERED, *OF_ALL_UNITS} <= set(NAMES)
    assert all({**ORDERED, **OF_ALL_UNITS}.values())


@pytest.mark.parametrize("name", TAKING_MATRICES)
def test_sparse_storage_gives_the_dense_value(name: str) -> None:
    dense = given(make_world())
    sparse = {key: csr(v) if key.removeprefix("train_") in CODES else v for key, v in dense.items()}
    assert_same(value_of(name, sparse), value_of(name, dense))


@pytest.mark.parametrize("name", NAMES)
def test_the_size_of_the_blocks_does_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    have = given(make_world())
    before = value_of(name, have)
    monkeypatch.setattr("metrics.matrix.BLOCK_ENTRIES", 40)
    monkeypatch.setattr("metrics.dictionary.BLOCK", 5)
    assert_same(value_of(name, have), before)


SIZES = {"test": 80, "train": 120}
DEGENERATE = (
    "one sample",
    "one sample of each",
    "one class",
    "all dead",
    "all on",
    "constant",
    "one unit",
    "blank",
    "no image",
)


def degenerate(case: str) -> dict[str, Any]:
    """The world with something taken from it."""
    world = make_world(n_units=1 if case == "one unit" else 12)
    if case == "one class":
        world = replace(
            world, **{key: getattr(world, key)._replace(labels=torch.zeros(n).long()) for key, n in SIZES.items()}
        )
    if case.startswith("one sample"):
        parts = ("test", "train") if case.endswith("each") else ("test",)
        world = replace(world, **{part: getattr(world, part).take(torch.tensor([5])) for part in parts})
    if case == "blank":
        world = replace(world, test=world.test._replace(x=torch.zeros_like(world.test.x)))
    have = given(world)
    if case == "no image":  # every image is the mean training image
        have["embed"] = torch.zeros_like
    level = {"all dead": 0.0, "all on": 1.0, "constant": 0.7}.get(case)
    if level is not None:
        for key in [key for key in have if key.removeprefix("train_") in CODES]:
            have[key] = torch.full_like(have[key], level)
    return have


@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_codes_give_numbers_or_nothing_from_dense_and_from_sparse_storage(case: str) -> None:
    dense = degenerate(case)
    sparse = {key: csr(v) if key.removeprefix("train_") in CODES else v for key, v in dense.items()}
    for name in NAMES:
        found = value_of(name, dense)
        assert not [key for key, number in numbers(found).items() if math.isnan(number)], name
        if name in TAKING_MATRICES:
            assert_same(value_of(name, sparse), found)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_not_changed(name: str) -> None:
    dense = given(make_world())
    sparse = {key: csr(v) if key.removeprefix("train_") in CODES else v for key, v in dense.items()}
    for have in [dense, sparse] if name in TAKING_MATRICES else [dense]:
        before = {key: v.clone() if isinstance(v, Tensor) else v.copy() for key, v in _arrays(have).items()}
        value_of(name, have)
        for key, value in _arrays(have).items():
            now, then = (v.toarray() if isinstance(v, csr_array) else v.numpy() for v in (value, before[key]))
            np.testing.assert_array_equal(now, then, err_msg=key)


def _arrays(have: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in have.items() if isinstance(value, Tensor | csr_array)}


@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_within_the_stated_range(name: str, hostile: bool) -> None:
    have = given(make_world())
    if hostile:  # test codes that say the opposite of the training codes, and true atoms of another length
        have["z"], have["true_atoms"] = have["z"].max() - have["z"], 3 * have["true_atoms"]
    text = METRICS[name].info.range
    known = {"inf": math.inf, "M": 12, "C": 4, "L0": int(have["active"].sum(1).max()), "ln2": math.log(2)}
    for key, number in numbers(value_of(name, have)).items():
        scope = known | {"r": int(key) if key.isdigit() else 0}
        low, high = (eval(side, scope) for side in text[1:-1].replace(" ln 2", " * ln2").split(","))
        assert low - 1e-6 <= number <= high + 1e-6, key


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_says_how_it_is_read(name: str) -> None:
    info = METRICS[name].info
    assert info.label
    assert info.source
    assert info.direction in ("min", "max", "none")
    assert info.range[0] in "[("
    assert info.range[-1] in ")]"
    assert (METRICS[name].__doc__ or "").strip()


def small(digits: Dataset) -> Dataset:
    return replace(digits, train=digits.train.head(200), test=digits.test.head(120))


def trained(name: str, dataset: Dataset) -> Model:
    cls = load_model_class(MODEL_REGISTRY.find(name))
    fields = {"n_latents": 16, "hidden": 16, "k": 4, "batch_size": 50, "epochs": 5}
    model = cls(cls.Config(**{k: v for k, v in fields.items() if k in cls.Config.model_fields}), dataset.n_features)
    train(model, dataset.train, batches_seed=0)
    return model.eval()


@pytest.mark.parametrize("name", ["topk", "vsc", "vae", "vsae"])
def test_results_do_not_depend_on_the_batch_size(name: str, digits: Dataset) -> None:
    dataset = replace(small(digits), categories=tuple("odd" if c % 2 else "even" for c in range(10)))
    model = trained(name, dataset)
    first, *others = (evaluate(model, dataset, dataset.test, METRICS, 0, batch_size=b) for b in (1000, 100, 7))
    assert first.errors == {}
    assert len(first.scalars) > 40
    for other in others:
        assert other.scalars == pytest.approx(first.scalars, rel=1e-5, abs=1e-7)
        assert other.arrays.keys() == first.arrays.keys()
        for key, array in first.arrays.items():
            np.testing.assert_allclose(other.arrays[key], array, rtol=1e-5, atol=1e-7)


def test_the_stored_explained_variance_is_that_of_a_plain_loop_over_the_stored_model(
    tmp_path: Path, digits: Dataset
) -> None:
    store = RunStore(tmp_path)
    plan = make_plan(Request.build(models="topk", seeds="1", budget="smoke"), store, Path("unused"))
    inline.execute(plan.todo, Job(tmp_path, Path("unused"), "cpu"), lambda event: None)
    (record,) = store.scan().records
    model = load_trained(store, record.spec, digits)
    with torch.no_grad():
        x, x_hat = digits.test.x, model.decode(model.encode(digits.test.x))
    residual = total = 0.0
    for pixel, guess in zip(x.T.tolist(), x_hat.T.tolist(), strict=True):
        mean = math.fsum(pixel) / len(pixel)
        residual += math.fsum((a - b) ** 2 for a, b in zip(pixel, guess, strict=True))
        total += math.fsum((a - mean) ** 2 for a in pixel)
    assert record.metrics["explained_variance"] == pytest.approx(1 - residual / total, abs=1e-6)


def failing(x: Tensor) -> float:
    raise RuntimeError("out of ideas")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda x: "hello", "not str 'hello'"),
        (lambda x: None, "not NoneType"),
        (lambda x: [1.0, 2.0], "not list"),
        (lambda x: torch.zeros(5, 2), r"(5, 2)"),
        (lambda x: math.nan, "NaN"),
        (lambda x: torch.tensor(math.nan), "NaN"),
        (lambda x: {"fine": 1.0, "not": math.nan}, "NaN"),
        (lambda x: {"a": torch.zeros(3)}, "Error"),
        (lambda x: {"a": np.zeros(3)}, "Error"),
        (lambda x: {"a": {"b": 1.0}}, "not dict"),
        (failing, "RuntimeError: out of ideas"),
    ],
)
def test_a_metric_that_fails_is_named_and_the_others_stand(
    bad: Callable[..., Any], words: str, digits: Dataset
) -> None:
    dataset = small(digits)
    model = trained("topk", dataset)
    chosen = {"first": METRICS["l0"], "bad": bad, "last": METRICS["fvu"]}
    found = evaluate(model, dataset, dataset.test, chosen, seed=0)
    assert found.errors.keys() == {"bad"}
    assert words in found.errors["bad"]
    assert found.scalars.keys() == {"first", "last"}
    assert found.arrays == {}


def test_a_parameter_with_a_default_is_not_a_need(digits: Dataset) -> None:
    def sharper(x: Tensor, sharpness: float = 3.0) -> dict[Any, float]:
        return {0: sharpness, "": 2 * sharpness}

    dataset = small(digits)
    found = evaluate(trained("topk", dataset), dataset, dataset.test, {"mine": sharper}, seed=0)
    assert found.scalars == {"mine.0": 3, "mine": 6}


def test_a_sample_without_a_label_makes_label_metrics_absent(digits: Dataset) -> None:
    dataset = small(digits)
    labels = dataset.test.labels.clone()
    labels[7] = -1
    model = trained("topk", dataset)
    found = evaluate(model, dataset, Split(dataset.test.x, labels), METRICS, seed=0)
    of_labels = {name for name in NAMES if "labels" in needs(name)}
    assert found.errors == {}
    assert not of_labels & ({key.partition(".")[0] for key in found.scalars} | set(found.arrays))
    assert {"fvu", "l0", "coherence"} <= found.scalars.keys()


@pytest.mark.parametrize("case", ["one class", "a class missing", "one sample"])
def test_a_split_without_some_classes_can_be_evaluated(case: str, digits: Dataset) -> None:
    dataset = small(digits)
    x, labels = dataset.test.x, dataset.test.labels
    kept = {"one class": labels == 3, "a class missing": labels != 3, "one sample": torch.arange(len(x)) == 0}[case]
    found = evaluate(trained("topk", dataset), dataset, Split(x[kept], labels[kept]), METRICS, seed=0)
    assert found.errors == {}


def test_labels_and_factors_of_another_length_are_refused() -> None:
    x, labels = torch.rand(5, 3), torch.zeros(5).long()
    with pytest.raises(ValueError, match="labels has 4 rows for 5 samples"):
        Split(x, labels[:4])
    with pytest.raises(ValueError, match="gates has 6 rows for 5 samples"):
        Split(x, labels, {"gates": torch.zeros(6, 2)})
