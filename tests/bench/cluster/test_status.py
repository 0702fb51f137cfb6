"""Where all runs of a results folder are, and what their jobs wrote."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bench.cluster import status
from bench.errors import BenchError
from bench.show.status import status_text
from bench.store import lock as locks
from bench.store.runs import RunStore
from tests.bench.cluster.helpers import ended, job, plan_of, queue_of, submitted
from tests.results import put


def test_status_tells_where_everything_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, plan = RunStore(tmp_path), plan_of(tmp_path, seeds=5)
    ids = [spec.run_id for spec in plan.specs]
    ours = submitted(tmp_path, [[run_id] for run_id in ids])
    put(store, ended(plan.specs[0], "failed", ours.id))
    queue = queue_of(job(0, "COMPLETED"), job(1, "RUNNING"), job(2, "PENDING", "Priority"), job(3, "FAILED"))
    monkeypatch.setattr(status, "ask_queue", lambda: queue)
    with store.claim(ids[1], "7_1") as run:
        assert run
        owner = run._lock.owner
        owner.progress, owner.since = 0.5, time.time() - 60
        locks._write(run._lock._file, owner)
        found = status.collect(store)
        text = status_text(found)
    assert not found.well
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line}
    assert rows["submission"][1:5] == ["queued", "running", "failed", "lost"]
    assert rows[ours.id][1:5] == ["1", "1", "1", "2"]
    assert rows[ids[1]][1:8] == ["50%", "50%", "a", "minute", "1", "min", "00"]
    assert f"failed: {ids[0]}: no luck" in text
    assert f"lost: {ids[3]}: job 7_3 ended (FAILED)" in text
    assert f"lost: {ids[4]}: job 4 of " in text
    assert f"queued: {ids[2]}: job 7_2 waits: Priority" in text
    assert "`bench logs` with the id of a lost run" in text
    assert "--retry-failed" in text


def test_runs_of_which_the_same_is_to_be_said_share_a_line_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, plan = RunStore(tmp_path), plan_of(tmp_path, seeds=30)
    ids = [spec.run_id for spec in plan.specs]
    ours = submitted(tmp_path, [[run_id] for run_id in ids])
    for spec in plan.specs[:2]:
        put(store, ended(spec, "failed", ours.id))
    waiting = [job(i, "PENDING", "Priority") for i in range(2, 5)]
    queue = queue_of(*waiting, *(job(i, "NODE_FAIL") for i in range(5, 30)))
    monkeypatch.setattr(status, "ask_queue", lambda: queue)
    text = status_text(status.collect(store))
    assert f"2 runs failed: no luck: {', '.join(ids[:2])}" in text
    assert f"3 runs queued: waits: Priority: {', '.join(ids[2:5])}" in text
    assert f": {', '.join(ids[5:])}" in text, "a pipe shows all"
    narrow = " ".join(status_text(status.collect(store), 80).split())
    assert "25 runs lost: ended (NODE_FAIL)" in narrow
    assert " others" in narrow
    assert ids[29] not in narrow


def test_logs_are_those_of_the_job(tmp_path: Path) -> None:
    ids = [spec.run_id for spec in plan_of(tmp_path, seeds=12).specs]
    ours = submitted(tmp_path, [[run_id] for run_id in ids])
    folder = ours.folder / ours.arrays[0].name
    folder.mkdir(exist_ok=True)
    for index in range(12):
        (folder / f"7_{index}_0_log.out").write_text(f"log of {index}", encoding="utf-8")
    assert status.logs(ids[0], RunStore(tmp_path)).endswith("log of 0")
    assert status.logs(ids[1], RunStore(tmp_path)).endswith("log of 1")
    assert status.logs(ids[11], RunStore(tmp_path)).endswith("log of 11")


def test_the_log_of_a_run_that_failed_has_its_traceback(tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path), plan_of(tmp_path, seeds=1).specs[0]
    put(store, ended(spec))
    assert "RuntimeError: no luck" in status.logs(spec.run_id, store)


def test_a_run_without_a_log_says_so(tmp_path: Path) -> None:
    spec = plan_of(tmp_path, seeds=1).specs[0]
    submitted(tmp_path, [[spec.run_id]])
    with pytest.raises(BenchError, match="has no log yet"):
        status.logs(spec.run_id, RunStore(tmp_path))


def test_submitted_runs_without_a_record_are_missing(tmp_path: Path) -> None:
    store, specs = RunStore(tmp_path), plan_of(tmp_path).specs
    assert status.missing(store) == (0, 0)
    submitted(tmp_path, [[spec.run_id] for spec in specs])
    put(store, ended(specs[0]))
    assert status.missing(store) == (3, 4)


def test_without_submissions_slurm_is_not_asked(tmp_path: Path, no_slurm: None) -> None:
    store, spec = RunStore(tmp_path), plan_of(tmp_path, seeds=1).specs[0]
    put(store, ended(spec, "timeout"))
    found = status.collect(store)
    assert (found.submissions, found.states, found.well) == ([], {}, False)
    assert "timeout: " in status_text(found)


def test_a_submission_that_cannot_be_read_is_named_and_the_others_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]], name="000001-aaaa")
    bad = submitted(tmp_path, [[spec.run_id]], name="000002-bbbb")
    (bad.folder / "runs.json").write_text('{"bench-000002-bbbb-0": [["../.."]]}', encoding="utf-8")
    monkeypatch.setattr(status, "ask_queue", lambda: queue_of(job(0, "PENDING", name="bench-000001-aaaa-0")))
    found = status.collect(RunStore(tmp_path))
    assert not found.well
    lines = [line for line in status_text(found).splitlines() if "unreadable" in line]
    reason = "no submission that can be read ('../..' is no run id)"
    assert lines == [f"unreadable, left alone: {bad.folder}: {reason}"]
    assert found.states[spec.run_id].state == "queued"


def test_of_a_long_log_the_end_is_printed_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    run_id, other = (spec.run_id for spec in plan_of(tmp_path, seeds=2).specs)
    ours = submitted(tmp_path, [[run_id], [other]])
    folder, store = ours.folder / ours.arrays[0].name, RunStore(tmp_path)
    (folder / "7_0_0_log.out").write_bytes(b"start" + b"x" * 2**20 + b"\xff the end")
    text = status.logs(run_id, store)
    assert "... 14 bytes before this are left out\n" in text
    assert text.endswith("x\ufffd the end")
    assert len(text) < 2**20 + 300
    os.mkfifo(folder / "7_1_0_log.out")
    store.folder(other).make()
    (store.folder(other).path / "error.log").symlink_to("/etc/passwd")
    text = status.logs(other, store)
    assert "7_1_0_log.out' is not a regular file" in text
    assert "error.log is left alone: " in text


def test_the_log_of_an_older_submission_is_better_than_none(tmp_path: Path) -> None:
    run_id = plan_of(tmp_path).specs[0].run_id
    older = submitted(tmp_path, [[run_id]])
    submitted(tmp_path, [[run_id]], name="000001-aaaa")
    (older.folder / older.arrays[0].name / "7_0_log.out").write_text("words", encoding="utf-8")
    assert status.logs(run_id, RunStore(tmp_path)).endswith("words")
