"""Checkpoints: training that was interrupted ends in the same numbers, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.execute import checkpoint
from bench.execute.checkpoint import Checkpoints
from bench.execute.job import Event, Job
from bench.execute.run import run_one
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.plugins.registry import MODEL_REGISTRY
from bench.store import spec as specs
from bench.store.runs import RunStore
from bench.store.spec import Record, RunSpec
from bench.store.weights import read_weights
from tests.numbers import numbers


def job(folder: Path) -> Job:
    return Job(folder, Path("unused"), "cpu", threads=1)


def specs_of(folder: Path, model: str, **kwargs: Any) -> RunSpec:
    request = Request.build(models=model, seeds="1", budget="smoke", **kwargs)
    return make_plan(request, RunStore(folder), Path("unused")).specs[0]


def stop_after(n_steps: int) -> Callable[[], bool]:
    """Asked once a step or twice, it says stop from the step on that was asked for."""
    asked = iter(range(10**9))
    return lambda: next(asked) >= n_steps


def run(folder: Path, spec: RunSpec, *stops: int) -> Record:
    """A run that is stopped after so many steps, and then so many more, and then left to end."""
    events: list[Event] = []
    for n_steps in stops:
        run_one(spec, job(folder), events.append, stop=stop_after(n_steps))
        assert events[-1].kind == "stopped"
        assert RunStore(folder).load(spec.run_id) is None
        assert RunStore(folder).checkpoint_path(spec.run_id).exists()
    run_one(spec, job(folder), events.append)
    record = RunStore(folder).load(spec.run_id)
    assert record is not None
    assert record.error is None, record.error.traceback
    return record


TRAINED = [name for name in MODEL_REGISTRY.plugins if name not in ("pca", "mean", "random")]


@pytest.mark.parametrize("model", TRAINED)
def test_every_model_resumes_to_the_same_numbers(tmp_path: Path, model: str) -> None:
    spec = specs_of(tmp_path, model, set=["n_latents=16"])
    whole, parts = run(tmp_path / "whole", spec), run(tmp_path / "parts", spec, 3, 9)
    assert numbers(parts) == numbers(whole)
    assert len(numbers(whole)) > 20
    assert parts.provenance["resumed"] == 2
    stores = [RunStore(tmp_path / kind) for kind in ("whole", "parts")]
    ours, theirs = (read_weights(store.weights_path(spec.run_id), spec.run_id) for store in stores)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    ours, theirs = (store.path(spec.run_id, "history.csv").read_bytes() for store in stores)
    assert ours == theirs


def test_many_epochs_and_history_rows_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(specs.BUDGETS, "smoke", specs.Budget(name="smoke", epochs=4, max_eval=100))
    spec = specs_of(tmp_path, "topk", set=["batch_size=32"])  # 40 steps an epoch: stops in each of the epochs
    whole, parts = run(tmp_path / "whole", spec), run(tmp_path / "parts", spec, 39, 3, 60, 40)
    assert numbers(parts) == numbers(whole)
    assert parts.provenance["resumed"] == 4
    history = [RunStore(tmp_path / kind).path(spec.run_id, "history.csv").read_bytes() for kind in ("whole", "parts")]
    assert history[0] == history[1]
    assert history[0].count(b"\n") > 3


@pytest.mark.parametrize("damage", ["truncated", "not torch", "other code", "a pickle that runs code"])
def test_a_checkpoint_of_no_use_costs_only_time(tmp_path: Path, damage: str) -> None:
    spec = specs_of(tmp_path, "topk")
    whole = run(tmp_path / "whole", spec)
    store = RunStore(tmp_path / "parts")
    run_one(spec, job(store.root), lambda event: None, stop=stop_after(5))
    path = store.checkpoint_path(spec.run_id)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "not torch":
        path.write_text("nothing", encoding="utf-8")
    elif damage == "other code":
        content = torch.load(path, weights_only=True)
        torch.save(content | {"identity": content["identity"] | {"code": "0"}}, path)
    else:
        torch.save({"identity": Exploding(tmp_path / "ran")}, path)
    run_one(spec, job(store.root), lambda event: None)
    record = store.load(spec.run_id)
    assert record is not None
    assert record.provenance["resumed"] == 0
    assert numbers(record) == numbers(whole)
    assert not path.exists()
    assert not (tmp_path / "ran").exists()


class Exploding:
    """Unpickled without care, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_checkpoints_are_rare_and_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    keeper = Checkpoints()
    now[0] = checkpoint.MIN_SECONDS
    assert not keeper.due()
    now[0] += 0.1
    assert keeper.due()
    keeper._cost = 1.0  # one took a second: 50 s of training pay for it
    assert not keeper.due()
    now[0] = 50.1
    assert keeper.due()


def test_a_run_whose_lock_was_taken_over_writes_nothing(tmp_path: Path) -> None:
    spec = specs_of(tmp_path, "topk")
    store, events = RunStore(tmp_path), []

    def steal(event: Event) -> None:
        events.append(event)
        if event.kind == "progress" and event.progress == 1.0:
            path = store.lock_path(spec.run_id)
            path.replace(path.with_name("taken"))
            path.write_text(json.dumps({}), encoding="utf-8")

    run_one(spec, job(tmp_path), steal)
    assert events[-1].kind == "skipped"
    assert "taken over" in events[-1].note
    assert store.load(spec.run_id) is None
    assert not store.weights_path(spec.run_id).exists()


def test_a_submission_settles_its_own_failures_only(tmp_path: Path) -> None:
    spec = specs_of(tmp_path, "topk")
    ours = replace(job(tmp_path), cluster={"submission": "a", "job": "1_0"})
    failed = Record(run_id=spec.run_id, spec=spec, status="failed", provenance={"cluster": {"submission": "a"}})
    assert ours.settles(failed), "a job that was queued again does not repeat what failed in it"
    assert not replace(ours, cluster={"submission": "b"}).settles(failed)
    assert not job(tmp_path).settles(failed)
    assert not ours.settles(None)


def test_force_takes_up_only_what_its_own_submission_left(tmp_path: Path) -> None:
    spec = specs_of(tmp_path, "topk")
    store = RunStore(tmp_path)

    def resumed(before: Job, after: Job) -> int:
        run_one(spec, before, lambda event: None, stop=stop_after(5))
        assert store.checkpoint_path(spec.run_id).exists()
        run_one(spec, after, lambda event: None)
        record = store.load(spec.run_id)
        assert record is not None
        store.path(spec.run_id, "record.json").unlink()
        return int(record.provenance["resumed"])

    plain, forced = job(tmp_path), replace(job(tmp_path), force=True)
    ours, theirs = (replace(forced, cluster={"submission": name}) for name in "ab")
    assert resumed(plain, plain) == 1
    assert resumed(plain, forced) == 0
    assert resumed(forced, forced) == 0
    assert resumed(ours, ours) == 1
    assert resumed(theirs, ours) == 0


def test_the_loser_of_a_lock_leaves_the_winner_its_files(tmp_path: Path) -> None:
    """A copy that was frozen wakes up, and its training step fails: the other copy's results are not its to remove."""
    spec = specs_of(tmp_path, "topk")
    store, events = RunStore(tmp_path), []

    def finish_elsewhere(event: Event) -> None:
        events.append(event)
        if event.kind == "progress" and len(events) == 2:
            store.lock_path(spec.run_id).unlink()
            run_one(spec, job(tmp_path), lambda event: None)
            raise RuntimeError("stale file handle")

    run_one(spec, job(tmp_path), finish_elsewhere)
    assert events[-1].kind == "skipped"
    record = store.load(spec.run_id)
    assert record is not None
    assert record.status == "done"
    assert store.weights_path(spec.run_id).exists()


def test_a_model_file_that_changed_since_the_plan_is_not_trained(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    source = "from models.topk import TopK\n\n\nclass Mine(TopK):\n    pass\n"
    path.write_text(source, encoding="utf-8")
    spec = specs_of(tmp_path / "runs", f"{path}:Mine")
    path.write_text(source + "# another\n", encoding="utf-8")
    run_one(spec, job(tmp_path / "runs"), lambda event: None)
    record = RunStore(tmp_path / "runs").load(spec.run_id)
    assert record is not None
    assert record.error is not None
    assert "has changed since this run was planned" in record.error.message


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    spec = specs_of(tmp_path, "topk")
    store = RunStore(tmp_path)
    store.path(spec.run_id).mkdir()
    left = store.path(spec.run_id, ".0123.checkpoint.pt")
    left.write_bytes(b"half")
    with store.hold(spec.run_id) as lock:
        assert lock
    assert not left.exists()
