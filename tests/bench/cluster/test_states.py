"""Where a submitted run is: its record, its lock and the queue, in this order."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.cluster import states
from bench.cluster.states import Queue, RunState, Witness, states_of
from bench.cluster.submission import identity, read_all, root
from bench.store.lock import acquire
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from slurm import watcher
from slurm.errors import SlurmUnavailable
from slurm.watcher import JobState
from tests.bench.cluster.helpers import NAME, ended, job, plan_of, queue_of, submitted
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
        ([JobState(f"bench-{NAME}-0", 0, "7_0", "CANCELLED", "", "None")], "lost", "job 7_0 ended (CANCELLED)"),
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
    assert ("left no log" in found.note) == ("NODE_FAIL" in note or "COMPLETED" in note or "has left" in note)
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
    assert state_of(tmp_path, spec, job(0, "PENDING")).state == "queued", "the job will do it again"
    assert state_of(tmp_path, spec, job(0, "FAILED")).state == "failed"


def test_clocks_do_not_decide_which_record_a_submission_replaces(tmp_path: Path) -> None:
    spec, store = plan_of(tmp_path).specs[0], RunStore(tmp_path)
    put(store, ended(spec, "cancelled", "000001-aaaa", end="2099-01-01T00:00:00+00:00"))  # by a clock that is ahead
    before = store.load(spec.run_id)
    assert before
    replaces = {spec.run_id: identity(before)}
    submitted(tmp_path, [[spec.run_id]], name="000002-bbbb", replaces=replaces, created="2026-01-01T00:00:00+00:00")
    ours = job(0, "PENDING", name="bench-000002-bbbb-0")
    assert state_of(tmp_path, spec, ours).state == "queued"
    assert state_of(tmp_path, spec).state == "lost"
    put(store, ended(spec, end="2020-01-01T00:00:00+00:00"))  # made here meanwhile, by a clock that is behind
    assert state_of(tmp_path, spec).state == "failed"
    assert state_of(tmp_path, spec, ours).state == "queued", "the job will do it again"


def test_a_job_of_an_older_submission_is_not_overlooked(tmp_path: Path) -> None:
    spec, store = plan_of(tmp_path).specs[0], RunStore(tmp_path)
    submitted(tmp_path, [[spec.run_id]], name="000001-aaaa")
    newer = submitted(tmp_path, [[spec.run_id]], name="000002-bbbb")
    older_job, newer_job = (job(0, "PENDING", name=f"bench-{name}-0") for name in ("000001-aaaa", "000002-bbbb"))
    found = state_of(tmp_path, spec, older_job)
    assert (found.state, found.submission.id, found.jobs) == ("queued", "000001-aaaa", (older_job,))
    assert state_of(tmp_path, spec, older_job, newer_job).jobs == (older_job, newer_job)
    put(store, ended(spec, "cancelled", newer.id))
    assert state_of(tmp_path, spec, older_job).state == "queued", "it would do the run again"
    assert state_of(tmp_path, spec, newer_job).state == "cancelled"


def test_what_squeue_leaves_out_is_asked_of_the_controller_once_for_each_array(tmp_path: Path) -> None:
    specs = plan_of(tmp_path).specs
    submitted(tmp_path, [[spec.run_id] for spec in specs])
    asked = []

    def ask(job_id: str, name: str) -> dict[int, JobState]:
        asked.append((job_id, name))
        return {0: job(0, "RUNNING"), 1: job(1, "COMPLETED")}

    queue = Queue({(job(3, "PENDING").name, 3): job(3, "PENDING")}, "here", witness=Witness(ask))
    found = states_of([spec.run_id for spec in specs], RunStore(tmp_path), read_all(tmp_path), queue)
    states_of([spec.run_id for spec in specs], RunStore(tmp_path), read_all(tmp_path), queue)
    assert [state.state for state in found.values()] == ["unknown", "lost", "lost", "queued"]
    alive, ended_one, gone, _ = found.values()
    assert alive.note == "squeue does not list job 7_0, but it is RUNNING; `bench cancel` ends it"
    assert alive.jobs == (job(0, "RUNNING"),)
    assert "job 7_1 ended (COMPLETED)" in ended_one.note
    assert "has left the queue" in gone.note
    assert asked == [("7", "bench-20260101-000000-aaaa-0")]


def test_a_witness_that_does_not_answer_leaves_it_open(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]])

    def ask(job_id: str, name: str) -> dict[int, JobState]:
        raise SlurmUnavailable("scontrol did not answer within 20 s.")

    queue = Queue({}, "here", witness=Witness(ask))
    found = states_of([spec.run_id], RunStore(tmp_path), read_all(tmp_path), queue)[spec.run_id]
    assert (found.state, found.jobs) == ("unknown", ())
    assert found.note == "squeue does not list job 7, and scontrol did not answer within 20 s."


def test_nothing_missing_no_question(tmp_path: Path) -> None:
    specs = plan_of(tmp_path, seeds=2).specs
    ours = submitted(tmp_path, [[spec.run_id] for spec in specs])
    put(RunStore(tmp_path), ended(specs[0], "failed", ours.id))
    asked = Witness(lambda job_id, name: pytest.fail(f"asked for {job_id}"))
    queue = Queue({(job(1, "PENDING").name, 1): job(1, "PENDING")}, "here", witness=asked)
    states_of([spec.run_id for spec in specs], RunStore(tmp_path), read_all(tmp_path), queue)


def test_a_submitter_that_died_before_sbatch_is_told_from_one_at_work(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]], job_id=None)
    found = state_of(tmp_path, spec)
    assert (found.state, found.never_submitted) == ("lost", True)
    assert "never submitted" in found.note
    assert "file system" not in found.note
    lock = acquire(root(tmp_path) / "lock", "submitting")
    assert lock
    assert state_of(tmp_path, spec).state == "lost", "this very command, which is to submit it"
    lock.release()
    code = "import sys, pathlib, bench.store.lock as locks; lock = locks.acquire(pathlib.Path(sys.argv[1]))"
    code += "; print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(lock.path)], **pipes) as other:  # type: ignore[call-overload]
        other.stdout.readline()
        assert state_of(tmp_path, spec).note == "being submitted"
        other.stdin.close()
    assert state_of(tmp_path, spec, job(0, "PENDING")).state == "queued", "it died after sbatch"


def test_a_job_that_waits_for_a_folder_that_was_moved_is_lost(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]], results="/old/place")
    found = state_of(tmp_path, spec, job(0, "PENDING", "Priority"))
    assert (found.state, found.jobs) == ("lost", (job(0, "PENDING", "Priority"),))
    assert f"job 7_0 will look for '/old/place', from where the results folder was moved to '{tmp_path}'" == found.note
    assert "it looked for '/old/place'" in state_of(tmp_path, spec, job(0, "FAILED")).note


def test_the_jobs_of_the_folder_that_was_copied_are_not_those_of_the_copy(tmp_path: Path) -> None:
    spec, first, second = plan_of(tmp_path / "first").specs[0], tmp_path / "first", tmp_path / "second"
    submitted(first, [[spec.run_id]], results=str(first))
    shutil.copytree(first, second)
    for waits in (job(0, "PENDING", "Priority"), job(0, "RUNNING")):
        found = state_of(second, spec, waits)
        assert (found.state, found.jobs, found.never_submitted) == ("lost", (), True)
        assert found.note == f"its job works for '{first}', of which this folder is a copy"
        assert state_of(first, spec, waits).state == "queued"
    ours = submitted(second, [[spec.run_id]], name="20260102-000000-bbbb", results=str(second))
    again = job(0, "PENDING", name=ours.arrays[0].name)
    assert state_of(second, spec, job(0, "RUNNING"), again).jobs == (again,)


def test_the_newest_submission_of_a_run_counts(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]])
    submitted(tmp_path, [["another"], [spec.run_id]], name="20260102-000000-bbbb")
    found = state_of(tmp_path, spec, job(1, "PENDING", name="bench-20260102-000000-bbbb-0"))
    assert found.state == "queued"
    assert found.submission.id == "20260102-000000-bbbb"


def test_a_done_record_counts_whoever_made_it_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    put(RunStore(tmp_path), ended(spec, "done", end="2020-01-01T00:00:00+00:00"))
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


@pytest.mark.parametrize(
    "words",
    [
        "slurmstepd-n1: error: StepId=4.0 exceeded memory limit (785502208 > 322961408), being killed",
        "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=7.batch. Some processes may have been killed",
        "slurmstepd: error: Exceeded job memory limit",
    ],
)
def test_a_log_tells_that_memory_was_short(tmp_path: Path, words: str) -> None:
    spec = plan_of(tmp_path).specs[0]
    ours = submitted(tmp_path, [[spec.run_id]])
    log = ours.folder / ours.arrays[0].name / "7_0_log.out"
    log.write_text(f"{words}\nsrun: error: n1: task 0: Killed\n", encoding="utf-8")
    assert "job 7_0 ended (FAILED) for want of memory" in state_of(tmp_path, spec, job(0, "FAILED")).note
    log.write_text("srun: error: n1: task 0: Killed\n", encoding="utf-8")
    assert state_of(tmp_path, spec, job(0, "FAILED")).note == "job 7_0 ended (FAILED)"
