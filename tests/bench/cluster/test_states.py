"""Where a submitted run is: its record, its lock and the queue, in this order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.cluster import states
from bench.cluster.states import Queue, RunState, states_of
from bench.cluster.submission import read_all
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from slurm import watcher
from slurm.errors import SlurmUnavailable
from slurm.watcher import JobState
from tests.bench.cluster.helpers import ended, job, plan_of, queue_of, submitted
from tests.results import put


def state_of(folder: Path, spec: RunSpec, *jobs: JobState, answers: bool = True) -> RunState:
    queue = queue_of(*jobs) if answers else Queue(None, silence="no answer")
    return states_of([spec.run_id], RunStore(folder), read_all(folder), queue)[spec.run_id]


@pytest.mark.parametrize(
    ("jobs", "expected", "note"),
    [
        ([job(0, "PENDING", "Resources")], "queued", "job 7_0 waits: Resources"),
        ([job(0, "RUNNING")], "queued", "job 7_0 is running on n1"),
        ([job(0, "COMPLETING")], "queued", "completing"),
        ([job(0, "PENDING", "JobHeldUser")], "queued", "JobHeldUser"),
        ([job(0, "PENDING", "launch failed requeued held")], "lost", "waits for ever"),
        ([job(0, "NODE_FAIL")], "lost", "job 7_0 ended (NODE_FAIL)"),
        ([job(0, "COMPLETED")], "lost", "COMPLETED"),
        ([], "lost", "job 0 of bench-20260101-000000-aaaa-0 has left the queue"),
        ([job(1, "RUNNING")], "lost", "has left the queue"),
        ([job(0, "RUNNING", name="bench-another-0")], "lost", "has left the queue"),
    ],
)
def test_a_run_without_a_record_is_where_its_job_is(
    tmp_path: Path, jobs: list[JobState], expected: str, note: str
) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]])
    found = state_of(tmp_path, spec, *jobs)
    assert found.state == expected
    assert note in found.note
    assert found.active == (expected == "queued")


def test_a_silent_slurm_loses_nothing(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]])
    found = state_of(tmp_path, spec, answers=False)
    assert (found.state, found.note) == ("unknown", "no answer")
    assert found.active


@pytest.mark.parametrize("owner", [{"user": "another"}, {"cluster": "elsewhere"}])
def test_jobs_that_the_queue_cannot_show_are_not_lost(tmp_path: Path, owner: dict[str, str]) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]], **owner)
    found = state_of(tmp_path, spec)
    assert found.state == "unknown"
    assert next(iter(owner.values())) in found.note


def test_a_held_lock_is_a_running_run_whatever_the_queue_says(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]])
    with RunStore(tmp_path).claim(spec.run_id, "7_0"):
        found = state_of(tmp_path, spec)
        assert found.state == "running"
        assert found.note.startswith("job 7_0 on ")
        assert state_of(tmp_path, spec, answers=False).state == "running"
    assert state_of(tmp_path, spec).state == "lost"


@pytest.mark.parametrize("end", ["done", "failed", "timeout", "cancelled"])
def test_a_record_of_the_submission_says_how_it_ended(tmp_path: Path, end: Any) -> None:
    spec = plan_of(tmp_path).specs[0]
    ours = submitted(tmp_path, [[spec.run_id]])
    put(RunStore(tmp_path), ended(spec, end, ours.id))
    assert state_of(tmp_path, spec, job(0, "COMPLETED")).state == end


def test_a_record_that_the_submission_is_to_replace_does_not_count(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]])
    store = RunStore(tmp_path)
    put(store, ended(spec, end="2025-12-31T00:00:00+00:00"))
    assert state_of(tmp_path, spec, job(0, "PENDING")).state == "queued"
    put(store, ended(spec, end="2026-01-01T00:00:00+00:00", submission="20250101-000000-cccc"))
    assert state_of(tmp_path, spec, job(0, "PENDING")).state == "queued", "another submission's, ended in that second"
    put(store, ended(spec, end=(datetime.now(UTC) + timedelta(days=1)).isoformat()))  # made here, meanwhile
    assert state_of(tmp_path, spec, job(0, "PENDING")).state == "failed"


def test_the_newest_submission_of_a_run_counts(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]])
    submitted(tmp_path, [["another"], [spec.run_id]], name="20260102-000000-bbbb")
    found = state_of(tmp_path, spec, job(1, "PENDING", name="bench-20260102-000000-bbbb-0"))
    assert found.state == "queued"
    assert found.submission.id == "20260102-000000-bbbb"


def test_a_done_record_counts_whoever_made_it_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    done = ended(spec, "done", end="2020-01-01T00:00:00+00:00")
    put(RunStore(tmp_path), done.model_copy(update={"error": None}))
    submitted(tmp_path, [[spec.run_id]])
    assert state_of(tmp_path, spec, job(0, "PENDING")).state == "done"
    submitted(tmp_path, [[spec.run_id]], name="20260102-000000-bbbb", force=True)
    assert state_of(tmp_path, spec, job(0, "PENDING", name="bench-20260102-000000-bbbb-0")).state == "queued"


def test_accounting_says_how_a_job_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]])
    monkeypatch.setattr(watcher, "end_of", lambda ids: {"7_0": "OUT_OF_MEMORY"} if ids == ["7_0"] else {})
    assert state_of(tmp_path, spec, job(0, "FAILED")).note.endswith(": OUT_OF_MEMORY")


def test_a_run_that_was_never_submitted_has_no_state(tmp_path: Path) -> None:
    assert states_of(["mean-digits-s0-x"], RunStore(tmp_path), [], Queue(None)) == {}


def test_a_queue_that_does_not_answer_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(prefix: str) -> Any:
        raise SlurmUnavailable("squeue did not answer")

    monkeypatch.setattr(watcher, "queue", refuse)
    assert states.ask_queue() == Queue(None, silence="squeue did not answer")
