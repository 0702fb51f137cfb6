"""SLURM as an executor: what is packed, what is left out, and what is said before anything is submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.cluster import submission as submissions, submit as cluster
from bench.cluster.states import Queue
from bench.cluster.submission import Submission
from bench.cluster.submit import Layout, Slurm, describe, pack, submit
from bench.errors import BenchError
from bench.execute.dispatch import Survey
from bench.execute.job import Job
from bench.plan.plan import estimates
from bench.store.record import Record
from bench.store.runs import RunStore
from slurm import launcher, watcher
from slurm.errors import SlurmError
from slurm.launcher import Array
from slurm.profile import Profile
from tests.bench.cluster.helpers import ended, job, plan_of, queue_of, submitted
from tests.results import put


def here(root: Path, **fields: Any) -> Job:
    return Job(root, Path("data"), "cpu", command="python -m bench run", **fields)


def slurm(profile: Profile | None = None, wait: bool = False, **layout: int) -> Slurm:
    return Slurm(profile or Profile(), Layout(**layout), wait)


def test_what_may_be_submitted_is_not_submitted_again(tmp_path: Path, no_slurm: None) -> None:
    plan, store = plan_of(tmp_path), RunStore(tmp_path)
    assert slurm().survey(plan.todo, store, False) == Survey(plan.todo), "nothing was submitted: SLURM is not asked"
    submitted(tmp_path, [[spec.run_id] for spec in plan.specs])
    with pytest.raises(BenchError, match=r"4 of these runs were submitted before.*squeue is not found"):
        slurm().survey(plan.todo, store, False)


def test_a_plan_is_packed_into_jobs(tmp_path: Path, no_slurm: None) -> None:
    store, plan = RunStore(tmp_path), plan_of(tmp_path, seeds=10)
    cpu, four = Profile(), Profile(gpus=2, runs_per_gpu=2)
    run = here(tmp_path)

    def seconds() -> dict[str, float]:
        return estimates(plan.todo, store.scan().records)

    def sizes(profile: Profile, **layout: int) -> list[int]:
        packed = pack(plan.todo, run, profile, Layout(**layout), seconds())
        return [len(found) for array in packed.arrays for found in array.jobs]

    assert sizes(cpu) == [1] * 10
    assert sizes(cpu, runs_per_job=4) == [4, 4, 2]
    assert sizes(four) == [4, 4, 2], "what runs at a time on the GPUs of a job"
    spec = plan.specs[0].model_copy(update={"seed": 99})
    put(store, Record(run_id=spec.run_id, spec=spec, status="done", timings={"total": 200.0}))
    assert sizes(cpu) == [3, 3, 3, 1], "jobs of ten minutes"
    text = describe(pack(plan.todo, run, four, Layout(), seconds()), four, seconds())
    assert "1 array of 1 job for 10 runs; each job: 2 GPUs, 2 cores, 8 GiB, 60 min; GPU hours: 2 at most, 0.28" in text
    assert text.endswith("; more where a job is queued again")
    assert list(tmp_path.glob(".slurm/*")) == [], "a layout writes nothing"
    many = plan_of(tmp_path, seeds=1100)
    with pytest.raises(BenchError, match=r"--max-parallel 1 cannot be kept by 2 arrays.*--runs-per-job"):
        pack(many.todo, run, cpu, Layout(runs_per_job=1, max_parallel=1), {})


def test_jobs_are_told_what_is_measured_and_how(tmp_path: Path, no_slurm: None) -> None:
    run = here(tmp_path, metrics=("fvu", "/home/me/own.py:mine"), force=True)
    sent = pack(plan_of(tmp_path).todo, run, Profile(gpus=1, runs_per_gpu=3, cpus=4), Layout(), {}).sent
    assert sent.metrics == ("fvu", "/home/me/own.py:mine")
    assert (sent.threads, sent.n_workers, sent.force) == (4, 3, True)
    assert sent.data_dir == Path("data").absolute(), "a job starts elsewhere"
    assert sent.software.torch


@pytest.mark.parametrize(("max_parallel", "share"), [(None, None), (2, 1), (5, 2)])
def test_arrays_share_what_may_run_at_a_time(tmp_path: Path, max_parallel: int | None, share: int | None) -> None:
    ours = submitted(tmp_path, [["a"]])
    two = Submission(ours.folder, ours.sent, (*ours.arrays, Array("bench-x-1", (("b",),))))
    assert Layout(max_parallel=max_parallel).share(two) == share


@pytest.mark.parametrize(
    ("gpus", "wanted", "device"), [(0, "auto", "cpu"), (1, "auto", "cuda"), (1, "cuda", "cuda"), (1, "cpu", "cpu")]
)
def test_the_profile_decides_on_the_device_and_not_this_machine(gpus: int, wanted: str, device: str) -> None:
    assert slurm(Profile(gpus=gpus)).choose_device(wanted) == device


def test_a_device_that_the_profile_does_not_ask_for_is_refused() -> None:
    with pytest.raises(BenchError, match="--profile gpu"):
        slurm().choose_device("cuda")


def test_a_command_ends_when_its_runs_are_submitted_unless_it_is_to_wait() -> None:
    assert not slurm().follows
    assert slurm(wait=True).follows


def test_a_dry_run_leaves_held_jobs_alone_and_a_retry_ends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = plan_of(tmp_path), RunStore(tmp_path)
    ids = [spec.run_id for spec in plan.specs]
    submitted(tmp_path, [[run_id] for run_id in ids])
    held = [job(index, "PENDING", "launch failed requeued held") for index in range(4)]
    monkeypatch.setattr(cluster, "ask_queue", lambda: queue_of(*held))
    monkeypatch.setattr(watcher, "cancel", lambda ids: pytest.fail(f"cancelled {ids}"))
    again = slurm().survey(plan.todo, store, retry_failed=True)
    assert again == Survey(plan.todo, [], [], ["7_0", "7_1", "7_2", "7_3"])
    slurm().lay_out(again, here(tmp_path), {})
    alone = slurm().survey(plan.todo, store, retry_failed=False)
    assert alone == Survey([], [], ids, ())
    assert slurm().lay_out(alone, here(tmp_path), {}).pending == []


def test_what_is_on_its_way_is_followed_and_not_submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store = plan_of(tmp_path), RunStore(tmp_path)
    ids = [spec.run_id for spec in plan.specs]
    ours = submitted(tmp_path, [[run_id] for run_id in ids[:2]])
    put(store, ended(plan.specs[0], "failed", ours.id))
    monkeypatch.setattr(cluster, "ask_queue", lambda: queue_of(job(0, "COMPLETED"), job(1, "PENDING")))
    survey = slurm().survey(plan.todo, store, retry_failed=True)
    assert survey.submitted == ids[1:2]
    assert [spec.run_id for spec in survey.todo] == [ids[0], *ids[2:]]
    batch = slurm(runs_per_job=2).lay_out(survey, here(tmp_path), {})
    assert batch.pending == [ids[1], ids[0], *ids[2:]]
    assert "1 array of 2 jobs for 3 runs" in batch.description
    assert "#SBATCH --array=0-1%2" in batch.script


def test_runs_are_submitted_by_whoever_is_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, arrays = plan_of(tmp_path), []
    monkeypatch.setattr(watcher, "limits", lambda: watcher.Limits("here", 3))
    monkeypatch.setattr(watcher, "cancel", lambda ids: None)

    def accept(array: Array, profile: Profile, folder: Path, function: str, limit: int | None) -> str:
        arrays.append((array, limit, function))
        return str(40 + len(arrays))

    monkeypatch.setattr(launcher, "submit", accept)
    executor = slurm(runs_per_job=1, max_parallel=4)
    with executor.alone(tmp_path):
        batch = executor.lay_out(Survey(plan.todo), here(tmp_path), {})
        assert submissions.read_all(tmp_path) == []
        words = batch.hand_over()
    assert words.endswith("SLURM jobs 41, 42.")
    assert [(len(array.jobs), limit) for array, limit, _ in arrays] == [(3, 2), (1, 2)]
    assert {function for *_, function in arrays} == {"bench.cluster.node:carry_out"}
    (ours,) = submissions.read_all(tmp_path)
    assert ours.run_ids == [spec.run_id for spec in plan.todo]
    assert (ours.sent.cluster, ours.arrays) == ("here", tuple(array for array, *_ in arrays))
    assert [RunStore(tmp_path).read_spec(run_id) for run_id in ours.run_ids] == plan.todo


@pytest.mark.parametrize("accepted", [0, 1])
def test_what_slurm_refuses_is_not_part_of_the_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accepted: int
) -> None:
    plan = plan_of(tmp_path)
    monkeypatch.setattr(watcher, "limits", lambda: watcher.Limits("here", 2))
    monkeypatch.setattr(watcher, "cancel", lambda ids: None)
    seen: list[Array] = []

    def refuse(array: Array, *arguments: object) -> str:
        if len(seen) == accepted:
            raise SlurmError("sbatch refused it.")
        seen.append(array)
        return "41"

    monkeypatch.setattr(launcher, "submit", refuse)
    executor = slurm(runs_per_job=1)
    words = r"1 of 2 arrays were submitted; issue the same command again" if accepted else r"^sbatch refused it\.$"
    with executor.alone(tmp_path):
        batch = executor.lay_out(Survey(plan.todo), here(tmp_path), {})
        with pytest.raises(SlurmError, match=words):
            batch.hand_over()
    assert [len(ours.arrays) for ours in submissions.read_all(tmp_path)] == [accepted]


def test_a_submitter_that_was_silent_too_long_submits_nothing(tmp_path: Path, no_slurm: None) -> None:
    plan, store = plan_of(tmp_path), RunStore(tmp_path)
    submission = pack(plan.todo, here(tmp_path), Profile(), Layout(), {})

    def lose_the_lock_and_submit() -> None:
        with cluster.one_at_a_time(tmp_path) as lock:
            lock.path.replace(lock.path.with_name("taken"))
            submit(submission, {spec.run_id: spec for spec in plan.todo}, store, Profile(), Layout(), lock)

    with pytest.raises(BenchError, match="another submits now"):
        lose_the_lock_and_submit()
    assert submissions.read_all(tmp_path) == []


@pytest.mark.parametrize("folder", ["50%", "a\nb", "a\udcffb"])
def test_a_folder_that_slurm_cannot_take_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(SlurmError, match="use another"):
        launcher.script(Array("x-0", (("a",),)), Profile(), tmp_path / folder, None)


def test_silence_while_runs_are_followed_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(tmp_path)
    submitted(tmp_path, [[spec.run_id] for spec in plan.specs])
    monkeypatch.setattr("bench.cluster.follow.ask_queue", lambda: Queue(None, silence="no answer"))
    monkeypatch.setattr("bench.cluster.follow.SILENCE_SECONDS", -1.0)
    survey = Survey([], [spec.run_id for spec in plan.specs])
    said = slurm(wait=True).lay_out(survey, here(tmp_path), {}).follow(lambda event: None)
    assert "no answer" in said
    assert "Jobs may still run" in said


def test_a_path_that_slurm_cannot_take_is_refused_before_anything_else(tmp_path: Path, no_slurm: None) -> None:
    monday = tmp_path / "a\\b"
    with pytest.raises(SlurmError, match="use another folder"):
        slurm().require(plan_of(tmp_path).todo, here(monday))
    assert not monday.exists()


def test_what_was_never_submitted_is_submitted_without_being_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = plan_of(tmp_path), RunStore(tmp_path)
    submitted(tmp_path, [[spec.run_id] for spec in plan.specs], job_id=None)
    monkeypatch.setattr(cluster, "ask_queue", queue_of)
    assert slurm().survey(plan.todo, store, retry_failed=False) == Survey(plan.todo, [], [], ())


def test_nothing_is_submitted_while_squeue_leaves_a_job_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store = plan_of(tmp_path), RunStore(tmp_path)
    submitted(tmp_path, [[spec.run_id] for spec in plan.specs])
    monkeypatch.setattr(cluster, "ask_queue", lambda: queue_of(unlisted=(job(0, "RUNNING"),)))
    with pytest.raises(
        BenchError, match=r"1 of these runs were submitted before.*does not list job 7_0, but it is RUN"
    ):
        slurm().survey(plan.todo, store, retry_failed=True)


def test_nothing_is_submitted_while_an_older_job_is_active_whatever_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = plan_of(tmp_path, seeds=1), RunStore(tmp_path)
    run_id = plan.specs[0].run_id
    for name in ("000001-aaaa", "000002-bbbb"):
        submitted(tmp_path, [[run_id]], name=name)
    put(store, ended(plan.specs[0], "cancelled", "000002-bbbb"))
    monkeypatch.setattr(cluster, "ask_queue", lambda: queue_of(job(0, "RUNNING", name="bench-000001-aaaa-0")))
    assert slurm().survey(plan.todo, store, retry_failed=True) == Survey([], [run_id], [], [])


def test_jobs_of_a_submission_that_cannot_be_read_stand_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = plan_of(tmp_path), RunStore(tmp_path)
    bad = submitted(tmp_path, [["a"]], name="000002-bbbb")
    (bad.folder / "runs.json").write_text("{", encoding="utf-8")
    active = job(0, "RUNNING", name="bench-000002-bbbb-0")
    monkeypatch.setattr(cluster, "ask_queue", lambda: queue_of(active))
    with pytest.raises(BenchError, match=r"scancel --name=bench-000002-bbbb-0$"):
        slurm().survey(plan.todo, store, retry_failed=False)
    monkeypatch.setattr(cluster, "ask_queue", lambda: queue_of(job(0, "COMPLETED", name="bench-000002-bbbb-0")))
    assert slurm().survey(plan.todo, store, retry_failed=False).todo == plan.todo
    monkeypatch.setattr(cluster, "ask_queue", lambda: Queue(None, silence="no answer"))
    with pytest.raises(BenchError, match="may have jobs in the queue: no answer"):
        slurm().survey(plan.todo, store, retry_failed=False)


def test_a_submission_notes_the_records_that_it_replaces(tmp_path: Path, no_slurm: None) -> None:
    plan, store = plan_of(tmp_path, seeds=3), RunStore(tmp_path)
    first, second, _ = plan.specs
    put(store, ended(first, "failed"))
    store.folder(second.run_id).make()
    store.folder(second.run_id).record_path.write_text("{", encoding="utf-8")
    packed = pack(plan.specs, here(tmp_path), Profile(), Layout(), {})
    record = store.load(first.run_id)
    assert record
    assert packed.replaces == {first.run_id: submissions.identity(record)}
    assert packed.sent.results == tmp_path
    assert packed.id.startswith("000001-")
