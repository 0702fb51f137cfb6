"""Submitted runs followed to their end, with a queue that says what a test wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cluster import follow
from bench.cluster.states import Queue
from bench.execute.job import Event
from bench.store.runs import RunStore
from tests.bench.cluster.helpers import ended, job, plan_of, queue_of, submitted
from tests.results import put


def test_runs_are_followed_until_none_is_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, specs = RunStore(tmp_path), plan_of(tmp_path, seeds=3).specs
    ids = [spec.run_id for spec in specs]
    ours = submitted(tmp_path, [[run_id] for run_id in ids])
    put(store, ended(specs[0], "failed", ours.id))
    queues = [queue_of(job(1, "PENDING"), job(2, "PENDING")), queue_of(job(1, "FAILED"), job(2, "PENDING"))]
    monkeypatch.setattr(follow, "ask_queue", lambda: queues.pop(0) if len(queues) > 1 else queues[0])
    monkeypatch.setattr(follow, "QUEUE_SECONDS", -1.0)
    events: list[Event] = []

    def sleep(seconds: float) -> None:
        if len(events) == 2:
            put(store, ended(specs[2], "timeout", ours.id))

    monkeypatch.setattr("time.sleep", sleep)
    assert follow.follow(ids, store, events.append) == ""
    assert [(event.kind, event.run_id) for event in events] == [
        ("finished", ids[0]),
        ("lost", ids[1]),
        ("finished", ids[2]),
    ]
    assert "ended (FAILED)" in events[1].note
    assert events[2].record
    assert events[2].record.status == "timeout"


def test_a_running_run_starts_once_and_then_makes_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, spec = RunStore(tmp_path), plan_of(tmp_path, seeds=1).specs[0]
    ours = submitted(tmp_path, [[spec.run_id]])
    monkeypatch.setattr(follow, "ask_queue", lambda: queue_of(job(0, "RUNNING")))
    events: list[Event] = []
    with store.claim(spec.run_id, "7_0") as run:
        assert run

        def sleep(seconds: float) -> None:
            if len(events) == 3:
                run.write_record(ended(spec, "failed", ours.id))

        monkeypatch.setattr("bench.cluster.follow.time.sleep", sleep)
        assert follow.follow([spec.run_id], store, events.append) == ""
    assert [event.kind for event in events] == ["started", "progress", "progress", "finished"]


def test_following_ends_where_slurm_stays_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [spec.run_id for spec in plan_of(tmp_path).specs]
    submitted(tmp_path, [[run_id] for run_id in ids])
    monkeypatch.setattr(follow, "ask_queue", lambda: Queue(None, silence="squeue did not answer"))
    monkeypatch.setattr(follow, "SILENCE_SECONDS", -1.0)
    said = follow.follow(ids, RunStore(tmp_path), lambda event: pytest.fail(str(event)))
    assert "squeue did not answer" in said
