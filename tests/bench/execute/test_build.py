"""From a spec to its model: the same one each time, of code that is as it was, and with the weights of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.datasets.base import Dataset
from bench.errors import BenchError
from bench.execute.build import build_model, load_trained, require_trained
from bench.execute.evaluation import evaluate, needs_of
from bench.execute.outputs import outputs_of
from bench.execute.run import run_one
from bench.plugins.loading import load_metrics
from bench.store.record import Record
from bench.store.runs import RunStore
from tests.bench.execute.helpers import job, load, only_record, plugin, run_one_of, spec_of


def test_a_model_is_built_from_its_own_stream(tmp_path: Path, digits: Dataset) -> None:
    spec = spec_of(tmp_path)
    first = build_model(spec, digits).state_dict()
    torch.rand(5)
    again = build_model(spec, digits).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = build_model(spec.model_copy(update={"seed": 1}), digits).state_dict()
    assert not torch.equal(first["encoder"], other["encoder"])


def test_loading_leaves_the_random_numbers_alone(tmp_path: Path, digits: Dataset) -> None:
    record = run_one_of(tmp_path)
    torch.manual_seed(5)
    load_trained(RunStore(tmp_path).folder(record.run_id), record.spec, digits)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))


def test_stored_weights_reproduce_the_stored_metrics(tmp_path: Path, digits: Dataset) -> None:
    names = ("fvu", "l0", "dead_fraction", "gamma_variance", "global_units")
    record = run_one_of(tmp_path, *names)
    model = load_trained(RunStore(tmp_path).folder(record.run_id), record.spec, digits)
    chosen = load_metrics(names)
    for batch_size in (360, 7):
        outputs = outputs_of(model, digits, digits.test, needs_of(chosen), batch_size)
        assert evaluate(outputs, chosen, seed=0).scalars == pytest.approx(record.metrics, rel=1e-6)


PLUGINS = {
    "mine.py": "import helper\nfrom models.topk import TopK\n\n\nclass Mine(TopK):\n    reads = ('w.npz',)\n",
    "helper.py": "",
    "w.npz": "1",
    "data.py": "from ours import Ours\n\n\nclass Data(Ours):\n    reads = ('d.npz',)\n",
    "ours.py": "from bench.datasets.digits import Digits as Ours\n",
    "d.npz": "1",
}


@pytest.mark.parametrize("changed", PLUGINS)
def test_what_changed_since_the_plan_is_named_and_not_trained(changed: str, tmp_path: Path) -> None:
    """The code of model and data set, what they import from beside them, and what they declare to read."""
    for name, text in PLUGINS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    keys = {"models": f"{tmp_path / 'mine.py'}:Mine", "datasets": f"{tmp_path / 'data.py'}:Data"}
    spec = spec_of(tmp_path / "runs", **keys)
    assert set(spec.model_files) == {"mine.py", "helper.py", "w.npz"}
    assert set(spec.dataset_files) == {"data.py", "ours.py", "d.npz"}
    (tmp_path / changed).write_text(PLUGINS[changed] + "# another\n", encoding="utf-8")
    assert spec_of(tmp_path / "runs", **keys).run_id != spec.run_id
    run_one(spec, job(tmp_path / "runs"), lambda event: None)
    error = load(RunStore(tmp_path / "runs"), spec.run_id).error
    assert error is not None
    assert error.message.startswith(f"{changed} of ")
    assert "has changed since this run was planned" in error.message


def test_the_code_of_a_record_is_that_of_the_file_whatever_it_says(tmp_path: Path, digits: Dataset) -> None:
    spec = spec_of(tmp_path, models=plugin(tmp_path))
    for files in ({}, spec.model_files):
        lying = spec.model_copy(update={"code": "0" * 64, "model_files": files})
        with pytest.raises(BenchError, match=r"The code of .* has changed since this run was planned"):
            build_model(lying, digits)
    build_model(spec.model_copy(update={"model_files": {}}), digits)  # as versions wrote that told the digest alone


def test_a_batch_larger_than_the_data_fails_with_the_range(tmp_path: Path) -> None:
    run_one_of(tmp_path, set=["batch_size=5000"])
    error = only_record(tmp_path).error
    assert error is not None
    assert "topk.batch_size = 5000" in error.message
    assert "1257" in error.message


def test_hyperparameters_of_other_code_are_named(tmp_path: Path, digits: Dataset) -> None:
    spec = spec_of(tmp_path)
    spec = spec.model_copy(update={"config": spec.config | {"temperature": 1}})
    with pytest.raises(BenchError, match=r"do not fit topk any more: temperature = 1: Extra inputs"):
        build_model(spec, digits)


def test_weights_that_are_missing_or_of_another_size_are_named(tmp_path: Path, digits: Dataset) -> None:
    record = run_one_of(tmp_path)
    folder = RunStore(tmp_path).folder(record.run_id)
    smaller = record.spec.model_copy(update={"config": record.spec.config | {"n_latents": 32}})
    with pytest.raises(BenchError, match=r"The weights in .* do not fit TopK: .*expected float32 of shape \(32, 64\)"):
        load_trained(folder, smaller, digits)
    (folder.path / "weights.safetensors").unlink()
    with pytest.raises(BenchError, match=r"weights\.safetensors' cannot be read"):
        load_trained(folder, record.spec, digits)


def test_the_trained_model_is_ready_to_evaluate(tmp_path: Path, digits: Dataset) -> None:
    record = run_one_of(tmp_path, models=plugin(tmp_path))
    model = load_trained(RunStore(tmp_path).folder(record.run_id), record.spec, digits)
    assert not model.training
    assert type(model).__name__ == "Mine"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": "done"}, ""),
        ({"status": "failed", "files": {"weights.safetensors": "0"}}, ""),
        ({"status": "failed"}, "failed"),
        ({"status": "timeout"}, "timeout"),
        ({"status": "done", "not_applicable": "the codes are dense"}, "the codes are dense"),
    ],
)
def test_what_is_trained_is_one_rule(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    spec = spec_of(tmp_path)
    record = Record(run_id=spec.run_id, spec=spec, **fields)
    if not reason:
        require_trained(record)
        return
    with pytest.raises(BenchError, match=rf"is not trained \({reason}\)"):
        require_trained(record)
