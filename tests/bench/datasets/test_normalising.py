"""`:normalise=HOW` after the name of any data set: another data set, with another name and the same samples."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import torch

from bench.datasets.base import Dataset
from bench.errors import BenchError
from bench.plan.request import Request
from bench.plan.runs import specs_of
from bench.plugins.loading import load_dataset
from bench.plugins.registry import DATASET_REGISTRY
from bench.show.report.provenance import command
from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench


def load(reference: str) -> Dataset:
    return load_dataset(DATASET_REGISTRY.find(reference), Path("unused"))


def test_unit_scales_by_one_factor_to_a_mean_squared_norm_of_1(digits: Dataset) -> None:
    unit = load("digits:normalise=unit")
    assert unit.train.x.square().sum(1).mean().item() == pytest.approx(1, rel=1e-5)
    scale = digits.train.x.square().sum(1).mean().sqrt()
    for name, split in unit.splits.items():
        torch.testing.assert_close(split.x * scale, digits.splits[name].x)
        assert torch.equal(split.labels, digits.splits[name].labels)


def test_a_built_in_may_be_normalised_in_every_way_of_a_file(digits: Dataset) -> None:
    rms = load("bench.datasets.digits:Digits:normalise=rms")
    assert rms.train.x.square().sum(1).mean().item() == pytest.approx(64, rel=1e-4)
    assert rms.train.x.mean(0).abs().max() < 1e-5
    assert torch.equal(load("digits:normalise=none").test.x, digits.test.x)


def test_a_class_in_a_file_may_be_normalised_and_is_itself_without(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from bench.datasets.digits import Digits as Mine\n", encoding="utf-8")
    plugin = DATASET_REGISTRY.find(f"{tmp_path}/mine.py:Mine:normalise=center")
    assert (plugin.name, plugin.target, plugin.object_name) == ("Mine center", f"{tmp_path}/mine.py", "Mine")
    assert plugin.address.endswith("mine.py:Mine:normalise=center")
    assert plugin.files() == DATASET_REGISTRY.find(f"{tmp_path}/mine.py:Mine").files()


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("digits:normalise=rsm", "Unknown normalisation 'rsm'. Did you mean 'rms'?"),
        ("digits:normalize=rms", "Did you mean 'normalise'? Valid: normalise. Write digits:normalise=rms."),
        ("digits:labels=x", "Unknown option of a data set 'labels'"),
        ("digit:normalise=rms", "Unknown dataset 'digit'. Did you mean 'digits'?"),
    ],
)
def test_what_is_misspelt_is_guessed(reference: str, words: str) -> None:
    with pytest.raises(BenchError) as caught:
        DATASET_REGISTRY.find(reference)
    assert words in str(caught.value)


def test_only_the_normalised_runs_are_others(tmp_path: Path) -> None:
    both = Request.build(models="topk", datasets="digits,digits:normalise=unit", seeds="1")
    plain, unit = specs_of(both, tmp_path)
    assert [plain] == specs_of(Request.build(models="topk", datasets="digits", seeds="1"), tmp_path)
    assert (plain.dataset, unit.dataset, unit.min_steps) == ("digits", "digits unit", plain.min_steps)
    assert plain.run_id != unit.run_id
    words = shlex.split(command(unit))
    again = Request.build(models="topk", datasets=words[words.index("--datasets") + 1], seeds="1")
    assert [spec.run_id for spec in specs_of(again, tmp_path)] == [unit.run_id], "the page's command makes this run"


def test_a_study_file_names_it_and_its_runs_are_evaluated_from_their_weights(tmp_path: Path) -> None:
    study, runs = tmp_path / "study.yaml", str(tmp_path / "runs")
    study.write_text("models: [pca]\ndatasets: ['digits:normalise=rms']\nbudget: smoke\nmetrics: [fvu]\n", "utf-8")
    done = bench("run", "--study", str(study), "--results", runs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "digits rms, native setting" in done.stdout
    done = bench("evaluate", "--metrics", "fvu,l0", "--results", runs)
    assert "1 run evaluated, 0 up to date, 0 failed." in done.stdout
    (record,) = RunStore(tmp_path / "runs").scan().records
    assert record.metrics.keys() == {"fvu", "l0"}


def test_a_likelihood_of_pixels_refuses_what_is_none(tmp_path: Path) -> None:
    flags = ("run", "--models", "vae", "--datasets", "digits:normalise=rms", "--budget", "smoke")
    done = bench(*flags, "--results", str(tmp_path))
    assert done.returncode == 2
    assert "vae cannot run on digits rms" in done.stderr
    assert "--set likelihood=gaussian" in done.stderr
