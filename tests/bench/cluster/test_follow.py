"""Submitted runs followed to their end, or cancelled, with a queue that says what a test wants."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.cluster import follow
from bench.cluster.states import Queue
from bench.errors import BenchError
from bench.execute.job import Event
from bench.store.runs import RunStore
from slurm import watcher
from tests.bench.cluster.helpers import ended, job, plan_of, queue_of, submitted
from tests.results import put


@pytest.mark.parametrize("name", ["", "random", "s1"])
def test_cancel_wants_one_run_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    plan = plan_of(tmp_path)
    submitted(tmp_path, [[spec.run_id] for spec in plan.specs])
    monkeypatch.setattr(follow, "ask_queue", lambda: queue_of(*(job(index, "PENDING") for index in range(4))))
    monkeypatch.setattr(watcher, "cancel", lambda ids: pytest.fail(f"cancelled {ids}"))
    with pytest.raises(BenchError, match="run"):
        follow.cancel([name], RunStore(tmp_path))
    assert not RunStore(tmp_path).scan().records


def test_an_unreadable_record_does_not_stop_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store = plan_of(tmp_path, seeds=2), RunStore(tmp_path)
    submitted(tmp_path, [[spec.run_id] for spec in plan.specs], force=True)
    cancelled: list[str] = []
    for spec in plan.specs:
        store.write_spec(spec)
    store.folder(plan.specs[0].run_id).record_path.write_text("{", encoding="utf-8")
    monkeypatch.setattr(follow, "ask_queue", lambda: queue_of(job(0, "PENDING"), job(1, "PENDING")))
    monkeypatch.setattr(watcher, "cancel", cancelled.extend)
    assert len(follow.cancel([], store)) == 2
    assert cancelled == ["7_0", "7_1"]
    assert [record.status for record in store.scan().records] == ["cancelled"] * 2


def test_cancelling_says_who_did_it_and_keeps_a_job_that_others_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, specs = RunStore(tmp_path), plan_of(tmp_path, seeds=3).specs
    first, second, third = (spec.run_id for spec in specs)
    ours = submitted(tmp_path, [[first, second], [third]])
    for spec in specs:
        store.write_spec(spec)
    taken: list[list[str]] = []
    monkeypatch.setattr(follow, "ask_queue", lambda: queue_of(job(0, "RUNNING"), job(1, "PENDING")))
    monkeypatch.setattr(watcher, "cancel", lambda ids: taken.append(list(ids)))
    with store.claim(first) as running:
        assert running
        assert follow.cancel([first, third], store) == sorted([first, third])
        with pytest.raises(Exception, match="taken over"):
            running.write_record(ended(specs[0]))
    assert taken == [["7_1"]], "job 0 has another run to carry out"
    record = store.load(first)
    assert record
    assert record.status == "cancelled"
    assert record.error
    assert record.error.message.startswith("Cancelled by ")
    assert record.provenance.submission == ours.id


def test_nothing_is_cancelled_where_slurm_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(tmp_path, [[spec.run_id] for spec in plan_of(tmp_path).specs])
    monkeypatch.setattr(follow, "ask_queue", lambda: Queue(None, silence="no answer"))
    with pytest.raises(BenchError, match="Nothing was cancelled: no answer"):
        follow.cancel([], RunStore(tmp_path))


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


def test_cancel_ends_the_jobs_of_all_submissions_and_those_that_squeue_does_not_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, specs = RunStore(tmp_path), plan_of(tmp_path, seeds=2).specs
    for name in ("000001-aaaa", "000002-bbbb"):
        submitted(tmp_path, [[spec.run_id] for spec in specs], name=name)
    for spec in specs:
        store.write_spec(spec)
    older, newer = (job(0, "RUNNING", name=f"bench-{name}-0") for name in ("000001-aaaa", "000002-bbbb"))
    unlisted = job(1, "PENDING", name="bench-000002-bbbb-0")
    queue = queue_of(replace(older, job_id="3_0"), newer, unlisted=(unlisted,))
    taken: list[str] = []
    monkeypatch.setattr(follow, "ask_queue", lambda: queue)
    monkeypatch.setattr(watcher, "cancel", taken.extend)
    assert len(follow.cancel([], store)) == 2
    assert taken == ["3_0", "7_0", "7_1"]


def test_a_spec_that_cannot_be_read_stops_no_cancelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, specs = RunStore(tmp_path), plan_of(tmp_path, seeds=3).specs
    submitted(tmp_path, [[spec.run_id] for spec in specs])
    for spec in specs[1:]:
        store.write_spec(spec)
    taken: list[str] = []
    monkeypatch.setattr(follow, "ask_queue", lambda: queue_of(*(job(index, "PENDING") for index in range(3))))
    monkeypatch.setattr(watcher, "cancel", taken.extend)
    with pytest.raises(BenchError, match=r"^2 cancelled, and the jobs of 1 run that got no record: .*spec\.json"):
        follow.cancel([], store)
    assert taken == ["7_0", "7_1", "7_2"]
    assert len(store.scan().records) == 2
