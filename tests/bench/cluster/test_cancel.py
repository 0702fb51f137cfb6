"""What was submitted, cancelled, with a queue that says what a test wants."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.cluster import cancel as cancelling
from bench.cluster.cancel import cancel
from bench.cluster.states import Queue
from bench.errors import BenchError
from bench.store.runs import RunStore
from slurm import watcher
from tests.bench.cluster.helpers import ended, job, plan_of, queue_of, submitted
from tests.results import put


@pytest.mark.parametrize("name", ["", "random", "s1"])
def test_cancel_wants_one_run_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    plan = plan_of(tmp_path)
    submitted(tmp_path, [[spec.run_id] for spec in plan.specs])
    monkeypatch.setattr(cancelling, "ask_queue", lambda: queue_of(*(job(index, "PENDING") for index in range(4))))
    monkeypatch.setattr(watcher, "cancel", lambda ids: pytest.fail(f"cancelled {ids}"))
    with pytest.raises(BenchError, match="run"):
        cancel([name], RunStore(tmp_path))
    assert not RunStore(tmp_path).scan().records


def test_cancel_says_how_a_run_ended_and_offers_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, specs = RunStore(tmp_path), plan_of(tmp_path, seeds=2).specs
    first, second = (spec.run_id for spec in specs)
    ours = submitted(tmp_path, [[first], [second]])
    put(store, ended(specs[0], "done", ours.id))
    monkeypatch.setattr(cancelling, "ask_queue", lambda: queue_of(job(1, "PENDING")))
    monkeypatch.setattr(watcher, "cancel", lambda ids: pytest.fail(f"cancelled {ids}"))
    with pytest.raises(BenchError) as caught:
        cancel([first], store)
    assert str(caught.value) == f"There is nothing to cancel: {first} is done."


def test_an_unreadable_record_does_not_stop_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store = plan_of(tmp_path, seeds=2), RunStore(tmp_path)
    submitted(tmp_path, [[spec.run_id] for spec in plan.specs], force=True)
    cancelled: list[str] = []
    for spec in plan.specs:
        store.write_spec(spec)
    store.folder(plan.specs[0].run_id).record_path.write_text("{", encoding="utf-8")
    monkeypatch.setattr(cancelling, "ask_queue", lambda: queue_of(job(0, "PENDING"), job(1, "PENDING")))
    monkeypatch.setattr(watcher, "cancel", cancelled.extend)
    assert len(cancel([], store)) == 2
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
    monkeypatch.setattr(cancelling, "ask_queue", lambda: queue_of(job(0, "RUNNING"), job(1, "PENDING")))
    monkeypatch.setattr(watcher, "cancel", lambda ids: taken.append(list(ids)))
    with store.claim(first) as running:
        assert running
        assert cancel([first, third], store) == sorted([first, third])
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
    monkeypatch.setattr(cancelling, "ask_queue", lambda: Queue(None, silence="no answer"))
    with pytest.raises(BenchError, match="Nothing was cancelled: no answer"):
        cancel([], RunStore(tmp_path))


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
    monkeypatch.setattr(cancelling, "ask_queue", lambda: queue)
    monkeypatch.setattr(watcher, "cancel", taken.extend)
    assert len(cancel([], store)) == 2
    assert taken == ["3_0", "7_0", "7_1"]


def test_a_spec_that_cannot_be_read_stops_no_cancelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, specs = RunStore(tmp_path), plan_of(tmp_path, seeds=3).specs
    submitted(tmp_path, [[spec.run_id] for spec in specs])
    for spec in specs[1:]:
        store.write_spec(spec)
    taken: list[str] = []
    monkeypatch.setattr(cancelling, "ask_queue", lambda: queue_of(*(job(index, "PENDING") for index in range(3))))
    monkeypatch.setattr(watcher, "cancel", taken.extend)
    with pytest.raises(BenchError, match=r"^2 cancelled, and the jobs of 1 run that got no record: .*spec\.json"):
        cancel([], store)
    assert taken == ["7_0", "7_1", "7_2"]
    assert len(store.scan().records) == 2
