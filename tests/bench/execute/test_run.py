"""One run: determinism, what it leaves, failures, and one process at a time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import models
from bench.execute import run as running
from bench.execute.job import Event, Job
from bench.execute.reassess import outdated, reassess
from bench.execute.run import run_one
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.store.record import ClusterJob
from bench.store.runs import RunStore
from tests.bench.execute.helpers import (
    LOSS,
    job,
    load,
    make,
    metric_plugin,
    only_record,
    plugin,
    run_all,
    run_one_of,
    spec_of,
    stop_after,
)
from tests.numbers import numbers


@pytest.mark.parametrize("model", ["vsc", "topk", "mp"])
def test_the_same_spec_gives_the_same_numbers_bit_for_bit(tmp_path: Path, model: str) -> None:
    roots = [tmp_path / "a", tmp_path / "b"]
    for root in roots:
        run_all(make(root, models=model, set=["n_latents=64"]), root)
    records = [only_record(root) for root in roots]
    assert numbers(records[0]) == numbers(records[1])
    ours, theirs = (RunStore(root).folder(record.run_id).weights() for root, record in zip(roots, records, strict=True))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_process_that_is_given_one_of_several_gpus_computes_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What names no device, a CUDA graph or a plug-in's kernel, goes by the current one."""
    current, shares = [], []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *share: shares.append(share))
    for device in ("cpu", "cuda", "cuda:1"):
        running.settle_process(job(tmp_path, device=device, gpu_share=0.5))
    assert current == [torch.device("cuda:1")]
    assert shares == [(0.5, torch.device("cuda")), (0.5, torch.device("cuda:1"))]


@pytest.mark.parametrize("settings", ["native", "matched"])
@pytest.mark.parametrize("model", models.MODELS)
def test_every_model_runs_in_both_settings(tmp_path: Path, model: str, settings: str) -> None:
    """Of a grid the two ends; units more than inputs, but not the setting's 256, of which scikit-learn fits some for
    half a minute."""
    plan = make(tmp_path, models=model, settings=settings, set=["n_latents=96"] if settings == "matched" else [])
    ends = {spec.run_id: spec for spec in (plan.specs[0], plan.specs[-1])}
    run_all(replace(plan, todo=list(ends.values())), tmp_path)
    records = RunStore(tmp_path).scan().records
    assert {record.run_id for record in records} == ends.keys()
    for record in records:
        assert (record.error, record.metric_errors) == (None, {})
        assert RunStore(tmp_path).folder(record.run_id).views().get("missing") is None


def test_a_done_run_is_not_done_again_unless_forced(tmp_path: Path) -> None:
    record = run_one_of(tmp_path)
    path = RunStore(tmp_path).folder(record.run_id).record_path
    before = path.stat().st_mtime_ns
    again = make(tmp_path)
    assert again.todo == []
    assert len(again.done) == 1
    (event,) = run_all(replace(again, todo=again.specs), tmp_path)
    assert event.record == record
    assert path.stat().st_mtime_ns == before
    request = Request.build(models="topk", seeds="1", budget="smoke")
    forced = make_plan(request, RunStore(tmp_path), Path("x"), force=True)
    run_all(forced, tmp_path, force=True, metrics=("fvu",))
    assert path.stat().st_mtime_ns > before


def test_a_record_holds_what_a_reader_needs(tmp_path: Path) -> None:
    run_all(make(tmp_path), tmp_path, command="bench run")
    record = only_record(tmp_path)
    folder = RunStore(tmp_path).folder(record.run_id)
    assert {path.name for path in folder.path.iterdir()} == {
        *("record.json", "weights.safetensors", "history.csv", "arrays.npz", "views.npz", "legend.json"),
    }
    provenance = record.provenance
    assert provenance.software is not None
    assert provenance.hardware is not None
    assert provenance.software.torch == torch.__version__
    assert provenance.hardware.cores == os.cpu_count()
    assert (provenance.device, provenance.command, provenance.cluster) == ("cpu", "bench run", None)
    assert provenance.start <= provenance.end
    assert record.spec.dataset_checksum
    assert record.timings.keys() == {"load", "train", "evaluate", "total"}
    assert record.validation.keys() == {"fvu", "mse", "l0"}
    assert folder.arrays()["class_correlation"].shape == (10, 10)
    assert {"inputs", "outputs", "atoms", "varied", "top_inputs", "built"} <= folder.views().keys()
    assert folder.legend().family == "SAE family"
    history = (folder.path / "history.csv").read_text(encoding="utf-8")
    assert history.startswith("step,epoch,total,fvu,auxk\n20,")
    assert folder.history()["step"] == [20]


def test_what_is_measured_is_what_the_job_names(tmp_path: Path) -> None:
    record = run_one_of(tmp_path, "l0", metric_plugin(tmp_path, "7.0"), "class_rates")
    folder = RunStore(tmp_path).folder(record.run_id)
    assert record.metrics.keys() == {"l0", "mine"}
    assert record.metrics["mine"] == 7
    assert record.validation.keys() == {"l0"}
    assert folder.arrays().keys() == {"class_rates"}
    assert list(folder.legend().metrics) == ["l0", "mine", "class_rates"]


def test_fewer_metrics_change_no_number(tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    run_all(make(whole, models="vsc"), whole, threads=1)
    few = run_one_of(part, "fvu", "selection_agreement", "neg_elbo", models="vsc")
    all_numbers = numbers(only_record(whole))
    assert {name: all_numbers[name] for name in numbers(few)} == numbers(few)


def test_a_failing_run_is_recorded_and_stops_no_other(tmp_path: Path) -> None:
    reference = plugin(tmp_path, "raise RuntimeError('out of ideas')")
    plan = make(tmp_path, models=f"{reference},mean")
    events = run_all(plan, tmp_path)
    records = {event.record.spec.model: event.record for event in events if event.record}
    assert records["mean"].status == "done"
    assert records["Mine"].status == "failed"
    assert records["Mine"].error is not None
    assert records["Mine"].error.message == "out of ideas"
    folder = RunStore(tmp_path).folder(records["Mine"].run_id).path
    assert {path.name for path in folder.iterdir()} == {"record.json", "error.log"}
    assert "RuntimeError: out of ideas" in (folder / "error.log").read_text(encoding="utf-8")
    again = make(tmp_path, models=f"{reference},mean")
    assert (len(again.done), len(again.failed), len(again.todo)) == (1, 1, 0)
    request = Request.build(models=f"{reference},mean", seeds="1", budget="smoke")
    retry = make_plan(request, RunStore(tmp_path), Path("x"), retry_failed=True)
    assert [spec.model for spec in retry.todo] == ["Mine"]


def test_a_run_that_fails_leaves_nothing_of_what_it_had_done(tmp_path: Path) -> None:
    loss = LOSS + "\n        if progress > 0.9: raise RuntimeError('late')"
    plan = make(tmp_path, models=plugin(tmp_path, loss))
    spec = plan.specs[0]
    folder = RunStore(tmp_path).folder(spec.run_id)
    run_one(spec, job(tmp_path), lambda event: None, stop=stop_after(5))
    assert folder.checkpoint_path.exists()
    (folder.path / "arrays.npz").write_bytes(b"of an evaluation that was cut short")
    run_one(spec, job(tmp_path), lambda event: None)
    assert load(RunStore(tmp_path), spec.run_id).status == "failed"
    assert {path.name for path in folder.path.iterdir()} == {"record.json", "error.log"}


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
    run_all(make(tmp_path, models=plugin(tmp_path, more=method)), tmp_path)
    record = only_record(tmp_path)
    assert record.status == "failed"
    assert record.error is not None
    assert re.search(words, record.error.message)


def absent(path: Path) -> str:
    """An encode() that raises where a file is."""
    return f"""def encode(self, x):
        import pathlib
        if pathlib.Path({str(path)!r}).exists(): raise RuntimeError('not now')
        return DenseCodes(x)"""


def test_a_run_whose_evaluation_failed_is_finished_without_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics, flag, roots = ("fvu", "parameters", "train_seconds"), tmp_path / "flag", (tmp_path / "a", tmp_path / "b")
    keys = {"models": plugin(tmp_path, more=f"deterministic = True\n    {absent(flag)}")}
    monkeypatch.setattr("models.parts.kernels.problems", {"bags.sums": "no Triton"})
    note = "the kernel bags.sums was not used: no Triton"
    whole = run_one_of(roots[0], *metrics, **keys)
    flag.touch()
    failed = run_one_of(roots[1], *metrics, **keys)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.message == "not now"
    assert failed.notes == [
        f"it is trained and its weights are kept: `python -m bench evaluate {failed.run_id}` finishes it",
        note,
    ]
    assert failed.trained
    assert failed.metrics.keys() == {"train_seconds"}, "what only training can tell"
    store = RunStore(roots[1])
    assert store.folder(failed.run_id).problems(failed) == []
    assert {path.name for path in store.folder(failed.run_id).path.iterdir()} >= {"weights.safetensors", "history.csv"}
    flag.unlink()
    monkeypatch.setattr(running, "train", None)
    with store.claim(failed.run_id) as run:
        assert run
        reassess(run, failed, failed.spec, job(roots[1], threads=1), outdated(run, metrics))
    done = only_record(roots[1])
    assert (done.status, done.error, done.notes) == ("done", None, whole.notes)
    assert whole.notes == [note], "what training noted stays"
    assert (done.deterministic, whole.deterministic) == (True, True)
    assert done.metric_code == whole.metric_code
    assert done.metrics == whole.metrics | {"train_seconds": failed.metrics["train_seconds"]}
    assert done.validation == whole.validation
    assert done.timings["train"] == failed.timings["train"]
    assert not (store.folder(done.run_id).path / "error.log").exists()
    assert store.folder(done.run_id).problems(done) == []


def test_atoms_that_fail_cost_the_metrics_that_need_them(tmp_path: Path) -> None:
    reference = plugin(tmp_path, more="def atoms(self): raise RuntimeError('lost')")
    record = run_one_of(tmp_path, "fvu", "coherence", models=reference)
    assert record.status == "done"
    assert record.metrics.keys() == {"fvu"}
    assert record.metric_errors == {"coherence": "atoms: RuntimeError: lost"}
    missing = RunStore(tmp_path).folder(record.run_id).views()["missing"].tolist()
    assert missing == ["atoms: RuntimeError: lost"]


def test_a_floor_has_as_many_units_as_the_data_allow(tmp_path: Path) -> None:
    record = run_one_of(tmp_path, "fvu", "l0", "cosine_quantiles", models="pca", set=["n_latents=100"])
    assert record.status == "done", record.error
    assert record.notes == ["n_latents is 64, not 100: these data allow no other"]
    assert record.metrics["fvu"] < 1e-6, "all directions: nothing is lost"
    assert record.spec.label == "pca n_latents=100"
    assert RunStore(tmp_path).folder(record.run_id).weights()["components"].shape == (64, 64)


def test_tied_weights_are_stored(tmp_path: Path) -> None:
    more = "@property\n    def twin(self): return self.bias\n    def prepare(self, x, labels): self.tied = self.bias"
    record = run_one_of(tmp_path, models=plugin(tmp_path, more=more))
    assert record.status == "done", record.error
    assert load_file(tmp_path / record.run_id / "weights.safetensors").keys() == {"bias", "tied"}


def test_force_replaces_an_unreadable_record(tmp_path: Path) -> None:
    run_one_of(tmp_path, models="mean")
    next(tmp_path.glob("*/record.json")).write_text("{", encoding="utf-8")
    request = Request.build(models="mean", seeds="1", budget="smoke")
    run_all(make_plan(request, RunStore(tmp_path), Path("x"), force=True), tmp_path, force=True)
    assert only_record(tmp_path).status == "done"


def test_an_unreadable_record_is_left_alone_without_force(tmp_path: Path) -> None:
    spec = make(tmp_path, models="mean").specs[0]
    path = RunStore(tmp_path).folder(spec.run_id).record_path
    path.parent.mkdir()
    path.write_text("{", encoding="utf-8")
    events: list[Event] = []
    run_one(spec, job(tmp_path), events.append)
    assert [event.kind for event in events] == ["skipped"]
    assert "its record cannot be read (truncated" in events[0].note
    assert path.read_text(encoding="utf-8") == "{"


def test_a_results_folder_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    plan = make(tmp_path, models="mean,pca")
    blocked = plan.todo[0].run_id
    (tmp_path / blocked).write_text("a file where the folder should be", encoding="utf-8")
    events = [event for event in run_all(plan, tmp_path) if event.kind == "finished"]
    assert [event.record.status for event in events if event.record] == ["failed", "done"]


def test_a_run_held_by_another_process_is_left_to_it(tmp_path: Path) -> None:
    plan = make(tmp_path)
    events: list[Event] = []
    with RunStore(tmp_path).claim(plan.todo[0].run_id) as run:
        assert run
        run_one(plan.todo[0], job(tmp_path), events.append)
    assert [(event.kind, event.note) for event in events] == [("skipped", "another command is running it")]


def test_two_commands_on_one_folder_do_each_run_once(tmp_path: Path) -> None:
    """A pool of two, whatever the machine, and a process that does all itself: three at once."""
    command = [sys.executable, "-m", "bench", "run", "--models", "topk,mp,vsc", "--budget", "smoke", "--metrics", "fvu"]
    command += ["--results", str(tmp_path / "runs"), "--executor"]
    ways = (["pool", "--workers", "2"], ["inline"])
    both = [subprocess.Popen([*command, *way], stdout=subprocess.PIPE, text=True) for way in ways]
    outputs = [process.communicate(timeout=500)[0] for process in both]
    scan = RunStore(tmp_path / "runs").scan()
    assert len(scan.records) == 9
    assert not scan.unreadable
    assert all(record.status == "done" for record in scan.records), outputs


def test_a_run_whose_lock_was_taken_over_writes_nothing(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    folder, events = RunStore(tmp_path).folder(spec.run_id), []

    def steal(event: Event) -> None:
        events.append(event)
        if event.kind == "progress" and event.progress == 1.0:
            folder.lock_path.replace(folder.path / "taken")
            folder.lock_path.write_text(json.dumps({}), encoding="utf-8")

    run_one(spec, job(tmp_path, metrics=("fvu",)), steal)
    assert events[-1].kind == "skipped"
    assert "taken over" in events[-1].note
    assert {path.name for path in folder.path.iterdir()} == {"lock", "taken"}


def test_the_loser_of_a_lock_leaves_the_winner_its_files(tmp_path: Path) -> None:
    """A copy that was frozen wakes up, and its training step fails: the other copy's results are not its to remove."""
    spec = spec_of(tmp_path)
    store, events = RunStore(tmp_path), []

    def finish_elsewhere(event: Event) -> None:
        events.append(event)
        if event.kind == "progress" and len(events) == 2:
            store.folder(spec.run_id).lock_path.unlink()
            run_one(spec, job(tmp_path, metrics=("fvu",)), lambda event: None)
            raise RuntimeError("stale file handle")

    run_one(spec, job(tmp_path, metrics=("fvu",)), finish_elsewhere)
    assert events[-1].kind == "skipped"
    assert load(store, spec.run_id).status == "done"
    assert store.folder(spec.run_id).weights()


def test_force_takes_up_only_what_its_own_submission_left(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    store = RunStore(tmp_path)

    def resumed(before: Job, after: Job) -> int:
        run_one(spec, before, lambda event: None, stop=stop_after(5))
        assert store.folder(spec.run_id).checkpoint_path.exists()
        run_one(spec, after, lambda event: None)
        record = load(store, spec.run_id)
        store.folder(spec.run_id).record_path.unlink()
        return record.provenance.resumed

    plain = job(tmp_path, metrics=("fvu",), threads=1)
    forced = replace(plain, force=True)
    ours, theirs = (replace(forced, cluster=ClusterJob(submission=name)) for name in "ab")
    assert resumed(plain, plain) == 1
    assert resumed(plain, forced) == 0
    assert resumed(forced, forced) == 0
    assert resumed(ours, ours) == 1
    assert resumed(theirs, ours) == 0


def test_a_metric_that_fails_is_told_beside_the_others(tmp_path: Path) -> None:
    record = run_one_of(tmp_path, "fvu", metric_plugin(tmp_path, "1 / 0"))
    assert record.status == "done"
    assert record.metric_errors == {"mine": "ZeroDivisionError: division by zero"}
    assert record.metrics.keys() == {"fvu"}


def test_arrays_are_as_a_plain_reader_finds_them(tmp_path: Path) -> None:
    record = run_one_of(tmp_path, "class_rates")
    with np.load(tmp_path / record.run_id / "arrays.npz") as arrays:
        assert arrays["class_rates"].shape == (10, record.spec.config["n_latents"])
