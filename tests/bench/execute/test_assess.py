"""An assessment: one encoding of the test split for metrics and views, and a legend of all that was asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.datasets.files import FileSource
from bench.datasets.place import Place
from bench.execute.assess import assess, code_of
from bench.execute.build import build_model
from bench.plugins.registry import METRIC_REGISTRY
from models.base import SparseCodes
from models.topk import TopK
from tests.bench.execute.helpers import metric_plugin, spec_of


def test_metrics_and_views_come_from_one_encoding(
    tmp_path: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(tmp_path)
    sizes: list[int] = []
    real = TopK.encode

    def counted(model: TopK, x: Tensor) -> SparseCodes:
        sizes.append(len(x))
        return real(model, x)

    monkeypatch.setattr(TopK, "encode", counted)
    found = assess(build_model(spec, digits), digits, spec, ["fvu", "class_rates", "density", "coherence"])
    assert found.test.scalars.keys() == {"fvu", "coherence"}
    assert found.views.varied.size
    assert sizes.count(360) == 1, "the test split"
    assert sizes.count(180) == 1, "the validation split"
    assert set(sizes) == {360, 180, 1}, "one sample is encoded to see of which kind codes are"


def test_the_validation_split_has_what_is_declared_for_it(tmp_path: Path, digits: Dataset) -> None:
    spec = spec_of(tmp_path)
    found = assess(build_model(spec, digits), digits, spec, ["fvu", "psnr"])
    assert found.validation.scalars.keys() == {"fvu"}
    assert found.validation.scalars["fvu"] != found.test.scalars["fvu"]
    assert assess(build_model(spec, digits), digits, spec, ["psnr"]).validation.scalars == {}


def test_the_legend_says_what_was_asked_for_and_why_some_do_not_apply(tmp_path: Path, digits: Dataset) -> None:
    spec = spec_of(tmp_path)
    mine = metric_plugin(tmp_path, "1 / 0")
    found = assess(build_model(spec, digits), digits, spec, ["train_seconds", "fvu", "neg_elbo", mine])
    entries = found.legend.metrics
    assert list(entries) == ["train_seconds", "fvu", "neg_elbo", "mine"]
    assert found.legend.family == "SAE family"
    assert entries["fvu"].not_applicable == entries["mine"].not_applicable == ""
    assert entries["neg_elbo"].not_applicable == "the model has no likelihood"
    assert entries["train_seconds"].not_applicable == "training is not at hand: only weights were loaded"
    assert entries["fvu"].info.label == "FVU"
    assert entries["mine"].code == code_of(METRIC_REGISTRY.find(mine))
    assert len(entries["mine"].code) == 12


def test_no_metric_leaves_views_only(tmp_path: Path, digits: Dataset) -> None:
    spec = spec_of(tmp_path)
    found = assess(build_model(spec, digits), digits, spec, [])
    assert found.test.scalars == {}
    assert found.legend.metrics == {}
    assert found.views.inputs.size


def test_samples_beyond_the_bound_are_left_out(tmp_path: Path, digits: Dataset) -> None:
    spec = spec_of(tmp_path).model_copy(update={"max_eval": 25})
    found = assess(build_model(spec, digits), digits, spec, ["fvu"])
    assert len(found.views.code_points) == 25
    ordered = digits.test.take(digits.test.labels.argsort(stable=True))
    found = assess(build_model(spec, digits), replace(digits, test=ordered), spec, ["class_rates"])
    assert len(found.test.arrays["class_rates"]) == 10, "of a split that is sorted by class, too, every class"


def test_how_many_samples_have_a_label_is_said_where_some_have_none(tmp_path: Path, digits: Dataset) -> None:
    spec = spec_of(tmp_path)
    model, known = build_model(spec, digits), torch.arange(360) % 4 > 0
    some = replace(digits, test=Split(digits.test.x, torch.where(known, digits.test.labels, -1)))
    none = digits.with_splits(lambda split: Split(split.x, None))
    assert assess(model, digits, spec, ["fvu"]).notes == assess(model, none, spec, ["fvu"]).notes == []
    words = "metrics of classes are of the samples that have a label: 270 of 360 tested, 1,257 of 1,257 in training"
    assert assess(model, some, spec.model_copy(update={"max_eval": None}), ["fvu"]).notes == [words]


def test_a_sample_of_data_larger_than_memory_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).random((300, 8), np.float32))
    dataset = FileSource(Place(tmp_path / "a.npy", {}), in_memory=100).load(tmp_path)
    dataset = replace(dataset, test=dataset.test.spread(20))
    spec = spec_of(tmp_path)
    (note,) = assess(build_model(spec, dataset), dataset, spec, ["fvu"]).notes
    assert "measured on 20 of 30 test samples" in note
    assert "fitted on 240 of 240 training samples" in note
