"""One run and many: determinism, resume, failures, concurrency, bad records."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bench.execute import inline, pool
from bench.execute.evaluation import evaluate
from bench.execute.job import Event, Job
from bench.execute.run import run_one
from bench.plan.plan import Plan
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.plugins.loading import all_metrics, build_model, load_dataset, load_trained
from bench.plugins.registry import DATASET_REGISTRY, Plugin
from bench.store.runs import RunStore
from bench.store.spec import Record, RunSpec
from metrics.base import metric
from tests.bench.plan.test_plan import PLUGIN

MACHINE_DEPENDENT = {"train_seconds", "step_ms", "peak_memory"}


def make(root: Path, **keys: Any) -> Plan:
    keys = {"models": "topk", "seeds": "1", "budget": "smoke"} | keys
    return make_plan(Request.build(**keys), RunStore(root), Path("unused"))


def job(root: Path, **fields: Any) -> Job:
    return Job(root, Path("unused"), "cpu", **fields)


def run_all(plan: Plan, root: Path, **fields: Any) -> list[Event]:
    events: list[Event] = []
    inline.execute(plan.todo, job(root, **fields), events.append)
    return events


def only_record(root: Path) -> Record:
    (record,) = RunStore(root).scan().records
    return record


def plugin(folder: Path, loss: str, name: str = "Mine", more: str = "") -> str:
    """A model file whose loss is the given line, with more methods after its own; its codes are its inputs."""
    file = folder / f"{name.lower()}.py"
    file.write_text(PLUGIN.format(name=name, loss=loss) + f"    {more}\n", encoding="utf-8")
    return f"{file}:{name}"


@pytest.mark.parametrize("model", ["vsc", "topk", "mp"])
def test_the_same_spec_gives_the_same_numbers_bit_for_bit(tmp_path: Path, model: str) -> None:
    outcomes = []
    for root in (tmp_path / "a", tmp_path / "b"):
        run_all(make(root, models=model), root)
        record = only_record(root)
        weights = load_file(RunStore(root).path(record.run_id, "weights.safetensors"))
        outcomes.append(({k: v for k, v in record.metrics.items() if k not in MACHINE_DEPENDENT}, weights))
    assert outcomes[0][0] == outcomes[1][0]
    assert all(torch.equal(outcomes[0][1][name], outcomes[1][1][name]) for name in outcomes[0][1])


@pytest.mark.parametrize("settings", ["native", "matched"])
def test_every_model_runs_in_both_settings(tmp_path: Path, settings: str) -> None:
    plan = make(tmp_path, models="all", settings=settings)
    run_all(plan, tmp_path)
    records = RunStore(tmp_path).scan().records
    assert len(records) == len(plan.specs) >= 17
    assert [(record.run_id, record.error) for record in records if record.error] == []
    assert [(record.run_id, record.metric_errors) for record in records if record.metric_errors] == []


def test_a_done_run_is_not_done_again_unless_forced(tmp_path: Path) -> None:
    run_all(make(tmp_path), tmp_path)
    before = RunStore(tmp_path).path(only_record(tmp_path).run_id, "record.json").stat().st_mtime_ns
    again = make(tmp_path)
    assert again.todo == []
    assert len(again.done) == 1
    forced = make_plan(
        Request.build(models="topk", seeds="1", budget="smoke"), RunStore(tmp_path), Path("x"), force=True
    )
    run_all(forced, tmp_path, force=True)
    assert RunStore(tmp_path).path(only_record(tmp_path).run_id, "record.json").stat().st_mtime_ns > before


def test_a_record_holds_what_a_reader_needs(tmp_path: Path) -> None:
    run_all(make(tmp_path), tmp_path)
    record = only_record(tmp_path)
    folder = RunStore(tmp_path).path(record.run_id)
    assert {path.name for path in folder.iterdir()} == {
        *("record.json", "weights.safetensors", "history.csv", "arrays.npz"),
        *("reconstructions.png", "traversals.png", "atoms.png"),
    }
    assert record.provenance["software"]["torch"] == torch.__version__
    assert record.provenance["hardware"]["cores"] == os.cpu_count()
    assert record.spec.dataset_checksum
    assert record.validation.keys() == {"fvu", "mse", "l0"}
    assert np.load(folder / "arrays.npz")["class_correlation"].shape == (10, 10)
    assert (folder / "history.csv").read_text(encoding="utf-8").startswith("step,epoch,total,fvu,auxk\n20,")


def test_stored_weights_reproduce_the_stored_metrics(tmp_path: Path) -> None:
    run_all(make(tmp_path), tmp_path)
    record = only_record(tmp_path)
    dataset = load_dataset(DATASET_REGISTRY.find("digits"), Path("unused"))
    model = load_trained(RunStore(tmp_path), record.spec, dataset)
    names = ("fvu", "l0", "dead_fraction", "gamma_variance", "global_units")
    chosen = {name: all_metrics()[name] for name in names}
    for batch_size in (360, 7):
        found = evaluate(model, dataset, dataset.test, chosen, seed=0, batch_size=batch_size).scalars
        assert found == pytest.approx({name: record.metrics[name] for name in names}, rel=1e-6)


def test_a_failing_run_is_recorded_and_stops_no_other(tmp_path: Path) -> None:
    reference = plugin(tmp_path, "raise RuntimeError('out of ideas')")
    plan = make(tmp_path, models=f"{reference},mean")
    events = run_all(plan, tmp_path)
    records = {event.record.spec.model: event.record for event in events if event.record}
    assert records["mean"].status == "done"
    assert records["Mine"].status == "failed"
    assert records["Mine"].error is not None
    assert records["Mine"].error.message == "out of ideas"
    log = RunStore(tmp_path).path(records["Mine"].run_id, "error.log").read_text(encoding="utf-8")
    assert "RuntimeError: out of ideas" in log
    again = make(tmp_path, models=f"{reference},mean")
    assert (len(again.done), len(again.failed), len(again.todo)) == (1, 1, 0)
    retry = make_plan(
        Request.build(models=f"{reference},mean", seeds="1", budget="smoke"),
        RunStore(tmp_path),
        Path("x"),
        retry_failed=True,
    )
    assert [spec.model for spec in retry.todo] == ["Mine"]


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("def decode(self, codes): return codes.dense() * float('nan')", "NaN or infinite"),
        ("def decode(self, codes): return codes.dense()[:, :1]", r"decode returned the shape \(360, 1\), expected"),
        ("def encode(self, x): return DenseCodes(x[:, :3])", r"encode returned the shape \(360, 3\), expected"),
        ("def encode(self, x): return DenseCodes(x, x + 7)", r"outside \[0.0, 1.0\]"),
        ("def after_step(self): raise SystemExit(3)", "3"),
    ],
)
def test_a_model_that_cannot_be_measured_is_a_failed_run(tmp_path: Path, method: str, words: str) -> None:
    reference = plugin(tmp_path, "total = self.bias.square().sum()", more=method)
    run_all(make(tmp_path, models=reference), tmp_path)
    record = only_record(tmp_path)
    assert record.status == "failed"
    assert record.error is not None
    assert re.search(words, record.error.message)


def test_tied_weights_are_stored(tmp_path: Path) -> None:
    more = "@property\n    def twin(self): return self.bias\n    def prepare(self, x, labels): self.tied = self.bias"
    run_all(make(tmp_path, models=plugin(tmp_path, "total = self.bias.square().sum()", more=more)), tmp_path)
    record = only_record(tmp_path)
    assert record.status == "done", record.error
    assert load_file(RunStore(tmp_path).path(record.run_id, "weights.safetensors")).keys() == {"bias", "tied"}


def test_force_replaces_an_unreadable_record(tmp_path: Path) -> None:
    run_all(make(tmp_path, models="mean"), tmp_path)
    path = next(tmp_path.glob("*/record.json"))
    path.write_text("{", encoding="utf-8")
    request = Request.build(models="mean", seeds="1", budget="smoke")
    run_all(make_plan(request, RunStore(tmp_path), Path("x"), force=True), tmp_path, force=True)
    assert only_record(tmp_path).status == "done"


def test_a_copied_run_folder_is_not_counted_twice(tmp_path: Path) -> None:
    run_all(make(tmp_path, models="mean"), tmp_path)
    folder = next(tmp_path.glob("mean*"))
    shutil.copytree(folder, tmp_path / "backup")
    scan = RunStore(tmp_path).scan()
    assert len(scan.records) == 1
    assert "another run" in scan.unreadable[tmp_path / "backup" / "record.json"]


def test_killing_the_command_leaves_its_runs_to_be_resumed(tmp_path: Path) -> None:
    reference = plugin(tmp_path, "import time; time.sleep(0.2); total = self.bias.square().sum()")
    command = [sys.executable, "-m", "bench", "run", "--models", reference, "--seeds", "2", "--budget", "smoke"]
    command += ["--results", str(tmp_path / "runs"), "--executor", "pool"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "runs").glob("*/lock"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait()
    store = RunStore(tmp_path / "runs")
    plan = make_plan(Request.build(models=reference, seeds="2", budget="smoke"), store, Path("x"))
    while not all(_free(store, spec.run_id) for spec in plan.specs) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert store.scan().records == []
    assert len(plan.todo) == 2


def _free(store: RunStore, run_id: str) -> bool:
    with store.hold(run_id) as lock:
        return lock is not None


def test_a_results_folder_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    plan = make(tmp_path, models="mean,pca")
    blocked = plan.todo[0].run_id
    (tmp_path / blocked).write_text("a file where the folder should be", encoding="utf-8")
    events = [event for event in run_all(plan, tmp_path) if event.kind == "finished"]
    assert [event.record.status for event in events if event.record] == ["failed", "done"]


def test_a_nan_loss_fails_at_its_step(tmp_path: Path) -> None:
    loss = "total = self.bias.square().sum() + (float('nan') if progress > 0.5 else 0.0)"
    run_all(make(tmp_path, models=plugin(tmp_path, loss)), tmp_path)
    record = only_record(tmp_path)
    assert record.status == "failed"
    assert record.error is not None
    assert "nan at step 11" in record.error.message, "progress passes 0.5 at the 11th of 20 steps"


def test_a_batch_larger_than_the_data_fails_with_the_range(tmp_path: Path) -> None:
    run_all(make(tmp_path, set=["batch_size=5000"]), tmp_path)
    error = only_record(tmp_path).error
    assert error is not None
    assert "topk.batch_size = 5000" in error.message
    assert "1257" in error.message


def test_a_run_held_by_another_process_is_left_to_it(tmp_path: Path) -> None:
    plan = make(tmp_path)
    events: list[Event] = []
    with RunStore(tmp_path).hold(plan.todo[0].run_id) as lock:
        assert lock
        run_one(plan.todo[0], job(tmp_path), events.append)
    assert [event.kind for event in events] == ["skipped"]


def test_two_commands_on_one_folder_do_each_run_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "run", "--models", "topk,mp,vsc", "--budget", "smoke"]
    command += ["--results", str(tmp_path / "runs")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0] for process in both]
    scan = RunStore(tmp_path / "runs").scan()
    assert len(scan.records) == 9
    assert not scan.unreadable
    assert all(record.status == "done" for record in scan.records), outputs


def test_pool_equals_inline_and_marks_timings(tmp_path: Path) -> None:
    plan = make(tmp_path / "inline", models="topk,mean,mp")
    inline.execute(plan.todo, job(tmp_path / "inline", threads=1), lambda _: None)
    events: list[Event] = []
    pool.execute(plan.todo, job(tmp_path / "pool"), events.append, n_workers=2)
    by_id = {record.run_id: record for record in RunStore(tmp_path / "inline").scan().records}
    records = RunStore(tmp_path / "pool").scan().records
    assert len(records) == 3
    for record in records:
        assert record.timings_shared
        assert record.provenance["threads"] == max(1, len(os.sched_getaffinity(0)) // 2)
        assert record.metrics["fvu"] == pytest.approx(by_id[record.run_id].metrics["fvu"], rel=1e-5)


def test_a_killed_worker_costs_its_run_only(tmp_path: Path) -> None:
    reference = plugin(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    plan = make(tmp_path / "runs", models=f"{reference},mean,topk")
    pool.execute(plan.todo, job(tmp_path / "runs"), lambda _: None, n_workers=1)
    records = {record.spec.model: record for record in RunStore(tmp_path / "runs").scan().records}
    assert records["Mine"].error is not None
    assert "SIGKILL" in records["Mine"].error.message
    assert records["mean"].status == records["topk"].status == "done"


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    busy = tmp_path / "busy"
    reference = plugin(tmp_path, f"import pathlib, time; pathlib.Path({str(busy)!r}).touch(); time.sleep(60)")
    command = [sys.executable, "-m", "bench", "run", "--models", f"mean,{reference}", "--seeds", "1"]
    command += ["--budget", "smoke", "--results", str(tmp_path / "runs")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 120
    while not busy.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=50)[0]
    assert process.returncode == 130
    assert "1 finished runs are kept" in output
    assert "Traceback" not in output
    assert [record.spec.model for record in RunStore(tmp_path / "runs").scan().records] == ["mean"]


def test_unreadable_records_are_named_and_left_alone(tmp_path: Path) -> None:
    run_all(make(tmp_path, models="mean,topk"), tmp_path)
    first, second = sorted(tmp_path.glob("*/record.json"))
    first.write_text(first.read_text(encoding="utf-8")[:100], encoding="utf-8")
    newer = json.loads(second.read_text(encoding="utf-8")) | {"schema_version": 99}
    second.write_text(json.dumps(newer), encoding="utf-8")
    scan = RunStore(tmp_path).scan()
    assert scan.records == []
    assert "truncated" in scan.unreadable[first]
    assert "schema 99" in scan.unreadable[second]
    plan = make(tmp_path, models="mean,topk")
    assert (plan.todo, len(plan.unreadable)) == ([], 2)
    assert len(first.read_text(encoding="utf-8")) == 100


@metric(label="bad", direction="none", range="none", source="a test")
def bad_metric(x: torch.Tensor) -> str:
    """Returns what a metric must not."""
    return "high"


@metric(label="nan", direction="none", range="none", source="a test")
def nan_metric(x: torch.Tensor) -> float:
    """NaN."""
    return float("nan")


def test_a_bad_metric_is_a_failed_cell_and_the_others_stand(tmp_path: Path) -> None:
    plan = make(tmp_path, models="mean")
    dataset = load_dataset(Plugin("digits", plan.specs[0].dataset_reference, True), Path("unused"))
    model = build_model(plan.specs[0], dataset)
    chosen = {"bad": bad_metric, "nan": nan_metric, "fvu": all_metrics()["fvu"]}
    result = evaluate(model, dataset, dataset.test, chosen, seed=0)
    assert result.scalars.keys() == {"fvu"}
    assert "not str 'high'" in result.errors["bad"]
    assert "NaN" in result.errors["nan"]


def test_round_trip_of_a_record_with_infinities(tmp_path: Path) -> None:
    spec: RunSpec = make(tmp_path).specs[0]
    record = Record(run_id=spec.run_id, spec=spec, status="done", metrics={"psnr": float("inf")})
    RunStore(tmp_path).write_record(record)
    assert RunStore(tmp_path).load(spec.run_id) == record
