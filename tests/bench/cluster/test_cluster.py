"""What the cluster verbs know and say, without a cluster: profiles, submissions, states, messages."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.cluster import follow, status, submission as submissions, submit as cluster
from bench.cluster.node import differences
from bench.cluster.profiles import load_profile
from bench.cluster.states import Queue, states_of
from bench.cluster.submission import Sent, Submission
from bench.cluster.submit import Cluster, describe, lay_out, narrow
from bench.errors import BenchError
from bench.execute.environment import user
from bench.execute.job import Job
from bench.plan.plan import Plan, estimates
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.store import lock as locks
from bench.store.failure import failed_record
from bench.store.runs import RunStore
from bench.store.spec import Record, RunSpec
from slurm import launcher, watcher
from slurm.errors import SlurmError
from slurm.launcher import Array
from slurm.profile import SHIPPED, Profile
from slurm.watcher import JobState


def plan_of(folder: Path, seeds: int = 4) -> Plan:
    return make_plan(Request.build(models="mean", seeds=str(seeds), budget="smoke"), RunStore(folder), Path("unused"))


def submitted(folder: Path, jobs: list[list[str]], name: str = "20260101-000000-aaaa", **sent: Any) -> Submission:
    values = {"command": "python -m bench run", "created": "2026-01-01T00:00:00+00:00", "data_dir": Path("data")}
    values |= {
        "user": user(),
        "cluster": "here",
        "device": "cpu",
        "threads": 1,
        "n_workers": 1,
        "force": False,
        "software": {},
    } | sent
    array = Array(f"bench-{name}-0", tuple(map(tuple, jobs)))
    submission = Submission(submissions.root(folder) / name, Sent(**values), (array,))
    submissions.write(submission)
    return submission


def job(index: int, state: str, reason: str = "None", name: str = "bench-20260101-000000-aaaa-0") -> JobState:
    return JobState(name, index, f"7_{index}", state, "" if state == "PENDING" else "n1", reason)


def queue_of(*jobs: JobState) -> Queue:
    return Queue({(found.name, found.index): found for found in jobs}, "here")


def state_of(folder: Path, spec: RunSpec, *jobs: JobState, answers: bool = True) -> Any:
    queue = queue_of(*jobs) if answers else Queue(None, silence="no answer")
    return states_of([spec.run_id], RunStore(folder), submissions.read_all(folder), queue)[spec.run_id]


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
    with RunStore(tmp_path).hold(spec.run_id, job="7_0") as lock:
        assert lock
        found = state_of(tmp_path, spec)
        assert found.state == "running"
        assert found.note.startswith("job 7_0 on ")
        assert state_of(tmp_path, spec, answers=False).state == "running"
    assert state_of(tmp_path, spec).state == "lost"


@pytest.mark.parametrize("end", ["done", "failed", "timeout", "cancelled"])
def test_a_record_of_the_submission_says_how_it_ended(tmp_path: Path, end: Any) -> None:
    spec = plan_of(tmp_path).specs[0]
    ours = submitted(tmp_path, [[spec.run_id]])
    record = failed_record(spec, RuntimeError("why"), end)
    record.provenance = {"cluster": {"submission": ours.id}}
    RunStore(tmp_path).write_record(record)
    assert state_of(tmp_path, spec, job(0, "COMPLETED")).state == end


def test_a_record_that_the_submission_is_to_replace_does_not_count(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]])
    store = RunStore(tmp_path)
    before = failed_record(spec, RuntimeError("why"))
    before.provenance = {"end": "2025-12-31T00:00:00+00:00"}
    store.write_record(before)
    assert state_of(tmp_path, spec, job(0, "PENDING")).state == "queued"
    before.provenance = {"end": "2026-01-01T00:00:00+00:00", "cluster": {"submission": "20250101-000000-cccc"}}
    store.write_record(before)
    assert state_of(tmp_path, spec, job(0, "PENDING")).state == "queued", "another submission's, ended in that second"
    before.provenance = {"end": (datetime.now(UTC) + timedelta(days=1)).isoformat()}  # made here, meanwhile
    store.write_record(before)
    assert state_of(tmp_path, spec, job(0, "PENDING")).state == "failed"


def test_the_newest_submission_of_a_run_counts(tmp_path: Path) -> None:
    spec = plan_of(tmp_path).specs[0]
    submitted(tmp_path, [[spec.run_id]])
    submitted(tmp_path, [["another"], [spec.run_id]], name="20260102-000000-bbbb")
    found = state_of(tmp_path, spec, job(1, "PENDING", name="bench-20260102-000000-bbbb-0"))
    assert found.state == "queued"
    assert found.submission.id == "20260102-000000-bbbb"


def test_a_plan_leaves_out_what_may_be_submitted(tmp_path: Path, no_slurm: None) -> None:
    plan = plan_of(tmp_path)
    assert narrow(plan, RunStore(tmp_path), False) == (plan, []), "nothing was submitted: SLURM is not asked"
    submitted(tmp_path, [[spec.run_id] for spec in plan.specs])
    with pytest.raises(BenchError, match="squeue is not found"):
        narrow(plan, RunStore(tmp_path), False)


def test_a_plan_is_packed_into_jobs(tmp_path: Path, no_slurm: None) -> None:
    store, plan = RunStore(tmp_path), plan_of(tmp_path, seeds=10)
    cpu, four = Profile(), Profile(gpus=2, runs_per_gpu=2)
    run = Job(tmp_path, Path("data"), "cpu", command="python -m bench run")

    def sizes(cluster: Cluster) -> list[int]:
        laid_out = lay_out(plan, tmp_path, run, cluster, estimates(plan.todo, store.scan().records))
        return [len(found) for array in laid_out.arrays for found in array.jobs]

    assert sizes(Cluster(cpu)) == [1] * 10
    assert sizes(Cluster(cpu, runs_per_job=4)) == [4, 4, 2]
    assert sizes(Cluster(four)) == [4, 4, 2], "what runs at a time on the GPUs of a job"
    spec = plan.specs[0].model_copy(update={"seed": 99})
    store.write_record(Record(run_id=spec.run_id, spec=spec, status="done", timings={"total": 200.0}))
    assert sizes(Cluster(cpu)) == [3, 3, 3, 1], "jobs of ten minutes"
    seconds = estimates(plan.todo, store.scan().records)
    text = describe(lay_out(plan, tmp_path, run, Cluster(four), seconds), four, seconds)
    assert "1 array of 1 jobs for 10 runs; each job: 2 GPUs, 2 cores, 8 GiB, 60 min; GPU hours: 2 at most" in text
    assert list(tmp_path.glob(".slurm/*")) == [], "a layout writes nothing"
    many = plan_of(tmp_path, seeds=1100)
    with pytest.raises(BenchError, match=r"--max-parallel 1 cannot be kept by 2 arrays.*--runs-per-job"):
        lay_out(many, tmp_path, run, Cluster(cpu, runs_per_job=1, max_parallel=1), {})


def test_profiles_that_are_shipped_are_valid() -> None:
    assert set(SHIPPED) == {"cpu", "gpu", "preemptible"}
    for name in SHIPPED:
        load_profile(name)
    assert load_profile("gpu").gpus == 1
    assert load_profile("cpu", ["cpus=7", "sbatch={exclude: n1}"]).sbatch == {"exclude": "n1"}


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("gpuu", [], ["gpuu", "Did you mean 'gpu'", "preemptible", "my-cluster.yaml"]),
        ("absent.yaml", [], ["absent.yaml", "No such file"]),
        ("cpu", ["partion=x"], ["partion", "Did you mean 'partition'"]),
        ("cpu", ["cpus"], ["cpus", "KEY=VALUE"]),
        ("cpu", ["cpus=many"], ["cpus", "many", "integer"]),
        ("cpu", ["cpus=0"], ["cpus", "0", "greater than or equal to 1"]),
        ("cpu", ["minutes=1", "signal_delay=60"], ["minutes = 1", "signal_delay + 30"]),
        ("cpu", ["runs_per_gpu=2"], ["runs_per_gpu = 2", "gpus"]),
        ("cpu", ["cpus=["], ["cpus=[", "YAML"]),
    ],
)
def test_a_profile_that_is_none_says_what_is_valid(name: str, changes: list[str], words: list[str]) -> None:
    with pytest.raises(BenchError) as caught:
        load_profile(name, changes)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("content", ["- a list", "{", "just words", "partion: x"])
def test_a_profile_file_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BenchError, match=r"mine\.yaml|partion"):
        load_profile(str(path))


def bench(*arguments: str, results: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    command += [] if arguments[0] == "cluster" else ["--results", str(results)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "PATH": path})


def test_commands_without_slurm_say_so(tmp_path: Path) -> None:
    study = ["run", "--models", "mean", "--budget", "smoke", "--executor", "slurm"]
    dry = bench(*study, "--dry-run", results=tmp_path)
    assert dry.returncode == 0, dry.stderr
    assert "#SBATCH --array=0-2%3" in dry.stdout
    assert not list(tmp_path.iterdir()), "a dry run writes nothing"
    for command in (study, ["cluster", "check"]):
        done = bench(*command, results=tmp_path)
        assert done.returncode == 2
        assert "is not found" in done.stderr
        assert "login node" in done.stderr
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("mean*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cancel"], ["--all", "bench status"]),
        (["cancel", "x", "--all"], ["not both"]),
        (["cancel", "nothing"], ["squeue is not found"]),
        (["run", "--executor", "slurm", "--max-parallel", "0"], ["--max-parallel", "1"]),
        (["logs", "mean-digits-s9"], ["mean-digits-s9", "Did you mean", "mean-digits-s0"]),
        (["logs", "mean-digits-s"], ["fits 4 runs"]),
        (["logs", "mean-digits-s0"], ["no log yet"]),
        (["run", "--executor", "slurn"], ["slurn", "Did you mean 'slurm'"]),
        (["run", "--executor", "slurm", "--device", "cuda"], ["--profile gpu"]),
    ],
)
def test_unusable_arguments(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    submitted(tmp_path, [[spec.run_id] for spec in plan_of(tmp_path).specs])
    done = bench(*arguments, results=tmp_path)
    assert done.returncode == 2, done.stdout
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_status_tells_where_everything_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, plan = RunStore(tmp_path), plan_of(tmp_path, seeds=5)
    ids = [spec.run_id for spec in plan.specs]
    ours = submitted(tmp_path, [[run_id] for run_id in ids])
    record = failed_record(plan.specs[0], RuntimeError("no luck"))
    record.provenance = {"cluster": {"submission": ours.id}}
    store.write_record(record)
    queue = queue_of(job(0, "COMPLETED"), job(1, "RUNNING"), job(2, "PENDING", "Priority"), job(3, "FAILED"))
    monkeypatch.setattr(status, "ask_queue", lambda: queue)
    with store.hold(ids[1], job="7_1") as lock:
        assert lock
        lock.owner.progress, lock.owner.since = 0.5, time.time() - 60
        locks._write(lock._file, lock.owner)
        found = status.collect(store)
        text = status.text(found)
    assert not found.well
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line}
    assert rows["submission"][1:5] == ["queued", "running", "failed", "lost"]
    assert rows[ours.id][1:5] == ["1", "1", "1", "2"]
    assert rows[ids[1]][1:8] == ["50%", "50%", "a", "minute", "1", "min", "00"]
    assert f"failed: {ids[0]}: no luck" in text
    assert f"lost: {ids[3]}: job 7_3 ended (FAILED)" in text
    assert f"lost: {ids[4]}: job 4 of " in text
    assert "1 queued: Priority" in text
    assert "--retry-failed" in text


def test_logs_are_those_of_the_job(tmp_path: Path) -> None:
    ids = [spec.run_id for spec in plan_of(tmp_path, seeds=12).specs]
    ours = submitted(tmp_path, [[run_id] for run_id in ids])
    folder = ours.folder / ours.arrays[0].name
    folder.mkdir()
    for index in range(12):
        (folder / f"7_{index}_0_log.out").write_text(f"log of {index}", encoding="utf-8")
    assert status.logs(ids[0], RunStore(tmp_path)).endswith("log of 0")
    assert status.logs(ids[1], RunStore(tmp_path)).endswith("log of 1")
    assert status.logs(ids[11], RunStore(tmp_path)).endswith("log of 11")


def test_what_is_no_submission_is_left_out(tmp_path: Path) -> None:
    root = submissions.root(tmp_path)
    for name, content in {"a": "{", "b": "[]", "c": '{"x": 3}'}.items():
        (root / name).mkdir(parents=True)
        (root / name / "runs.json").write_text(content, encoding="utf-8")
    (root / "lock").write_text("", encoding="utf-8")
    ours = submitted(tmp_path, [["a"], ["b"]])
    assert submissions.read_all(tmp_path) == [ours]


def test_other_software_is_named() -> None:
    there = {"torch": "2.6", "numpy": "2.1", "commit": None}
    assert differences(there, {"torch": "2.6", "numpy": "2.2", "commit": None}) == ["numpy 2.2, submitted with 2.1"]
    assert differences({}, {"torch": "2.6"}) == ["torch 2.6, submitted with None"]
    assert differences(there, there) == []


def test_a_dry_run_leaves_held_jobs_alone_and_a_retry_ends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(tmp_path)
    submitted(tmp_path, [[spec.run_id] for spec in plan.specs])
    held = [job(index, "PENDING", "launch failed requeued held") for index in range(4)]
    monkeypatch.setattr(cluster, "ask_queue", lambda: queue_of(*held))
    monkeypatch.setattr(watcher, "cancel", lambda ids: pytest.fail(f"cancelled {ids}"))
    narrowed, jobs = narrow(plan, RunStore(tmp_path), retry_failed=True)
    assert (len(narrowed.todo), jobs) == (4, ["7_0", "7_1", "7_2", "7_3"])
    narrowed, jobs = narrow(plan, RunStore(tmp_path), retry_failed=False)
    assert (len(narrowed.todo), len(narrowed.lost), jobs) == (0, 4, [])


@pytest.mark.parametrize("name", ["", "mean", "s1"])
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
    store.path(plan.specs[0].run_id, "record.json").write_text("{", encoding="utf-8")
    monkeypatch.setattr(follow, "ask_queue", lambda: queue_of(job(0, "PENDING"), job(1, "PENDING")))
    monkeypatch.setattr(watcher, "cancel", cancelled.extend)
    assert len(follow.cancel([], store)) == 2
    assert cancelled == ["7_0", "7_1"]
    assert [record.status for record in store.scan().records] == ["cancelled"] * 2


def test_a_submitter_that_was_silent_too_long_submits_nothing(tmp_path: Path, no_slurm: None) -> None:
    plan, store = plan_of(tmp_path), RunStore(tmp_path)
    run = Job(tmp_path, Path("data"), "cpu", command="python -m bench run")
    submission = lay_out(plan, tmp_path, run, Cluster(Profile()), {})

    def lose_the_lock_and_submit() -> None:
        with cluster.one_at_a_time(tmp_path) as lock:
            lock.path.replace(lock.path.with_name("taken"))
            cluster.submit(submission, {spec.run_id: spec for spec in plan.todo}, store, Cluster(Profile()), lock)

    with pytest.raises(BenchError, match="another submits now"):
        lose_the_lock_and_submit()
    assert submissions.read_all(tmp_path) == []


def test_one_look_at_each_folder_finds_all_logs(tmp_path: Path) -> None:
    ours = submitted(tmp_path, [["a"]])
    folder = ours.folder / ours.arrays[0].name
    folder.mkdir()
    (folder / "29_0_log.out").write_text("", encoding="utf-8")
    logs = submissions.Logs()
    found = logs.find(ours, ours.arrays[0].name, 0)
    assert found == folder / "29_0_log.out"
    found.unlink()
    assert logs.find(ours, ours.arrays[0].name, 0) == found, "listed once"


@pytest.mark.parametrize("folder", ["50%", "a\nb", "a\udcffb"])
def test_a_folder_that_slurm_cannot_take_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(SlurmError, match="use another"):
        launcher.script(Array("x-0", (("a",),)), Profile(), tmp_path / folder, None)
