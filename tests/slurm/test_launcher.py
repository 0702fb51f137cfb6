from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from slurm.errors import SlurmError, refusal
from slurm.launcher import Array, arrays, pack, script, submit
from slurm.profile import Profile
from slurm.watcher import cancel, end_of, limits, queue
from tests.slurm.jobs import UNTIL_TOLD, WORK, ended, told, wait
from tests.slurm.testcluster import Cluster

SMALL = Profile(cpus=1, memory_gb=0.1, minutes=5, signal_delay=30)

ids = st.lists(st.uuids().map(str), unique=True, max_size=30)
durations = st.floats(0, 1e6, allow_subnormal=False) | st.none()


@given(ids, st.data(), st.floats(0, 1e6, allow_subnormal=False))
def test_packs_every_run_once_in_order_within_the_target(
    run_ids: list[str], data: st.DataObject, target: float
) -> None:
    drawn = {run_id: data.draw(durations) for run_id in run_ids}
    seconds = {run_id: duration for run_id, duration in drawn.items() if duration is not None}
    jobs = pack(run_ids, seconds, target, None)
    assert [run_id for job in jobs for run_id in job] == run_ids
    assert all(len(job) == 1 or sum(seconds[run_id] for run_id in job) <= target for job in jobs)
    for job, following in pairwise(jobs):
        known = all(run_id in seconds for run_id in (*job, following[0]))
        assert not known or sum(seconds[run_id] for run_id in (*job, following[0])) > target, "no job is cut short"


@given(ids, st.integers(1, 40))
def test_packs_a_given_number(run_ids: list[str], per_job: int) -> None:
    jobs = pack(run_ids, dict.fromkeys(run_ids, 1e9), 1, per_job)
    assert [run_id for job in jobs for run_id in job] == run_ids
    assert all(len(job) == per_job for job in jobs[:-1])
    assert all(1 <= len(job) <= per_job for job in jobs)


def test_packs_around_runs_of_unknown_duration() -> None:
    assert pack("abcd", {"a": 1, "b": 2, "d": 3}, 10, None) == [("a", "b"), ("c",), ("d",)]


@settings(max_examples=30)
@given(st.integers(0, 50), st.integers(0, 20))
def test_arrays_are_no_larger_than_the_cluster_allows(n_jobs: int, max_size: int) -> None:
    jobs = [(str(number),) for number in range(n_jobs)]
    split = arrays("x", jobs, max_size)
    assert [job for array in split for job in array.jobs] == jobs
    assert all(1 <= len(array.jobs) <= max(1, max_size) for array in split)
    assert [array.name for array in split] == [f"x-{chunk}" for chunk in range(len(split))]


def flags(text: str) -> dict[str, str]:
    """The options of a script."""
    lines = [shlex.split(line.removeprefix("#SBATCH "))[0] for line in text.splitlines() if line.startswith("#SBATCH ")]
    assert len({line.partition("=")[0] for line in lines}) == len(lines), "no option twice"
    return {name.removeprefix("--"): value for name, _, value in (line.partition("=") for line in lines)}


def test_the_script_of_an_array(tmp_path: Path, no_slurm: None) -> None:
    profile = Profile(partition="gpu", gpus=2, cpus=3, memory_gb=1.5, minutes=90, setup=("module load cuda",))
    text = script(Array("x-0", (("a",),) * 300), profile, tmp_path, None)
    assert flags(text) == {
        "job-name": "x-0",
        "array": "0-299%300",
        "partition": "gpu",
        "gpus-per-node": "2",
        "cpus-per-task": "3",
        "mem": "1536M",
        "nodes": "1",
        "time": "90",
        "signal": "USR2@120",
        "requeue": "",
        "open-mode": "append",
        "output": f"{tmp_path}/x-0/%A_%a_0_log.out",
    }
    assert text.index("module load cuda") < text.index("srun")
    assert "--cpus-per-task 3" in text.splitlines()[-1], "srun does not take it over from sbatch"
    assert list(tmp_path.iterdir()) == []


def test_the_script_of_one_job_is_no_array(tmp_path: Path) -> None:
    assert "array" not in flags(script(Array("x-0", (("a",),)), SMALL, tmp_path, 4))


def test_at_most_so_many_at_a_time(tmp_path: Path) -> None:
    assert flags(script(Array("x-0", (("a",),) * 5), SMALL, tmp_path, 2))["array"] == "0-4%2"


def test_a_profile_changes_what_is_set_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"requeue": False, "gpus-per-node": "a100:1", "nice": 5, "exclusive": True}
    monkeypatch.setenv("SBATCH_ACCOUNT", "mine")
    monkeypatch.setenv("SBATCH_PARTITION", "theirs")
    profile = Profile(gpus=1, partition="gpu", sbatch=options)
    said = flags(script(Array("x-0", (("a",),)), profile, tmp_path, None))
    assert "requeue" not in said
    assert (said["gpus-per-node"], said["nice"], said["exclusive"]) == ("a100:1", "5", "")
    assert (said["account"], said["partition"]) == ("mine", "gpu")


def test_a_folder_that_slurm_would_read_as_a_pattern(tmp_path: Path) -> None:
    with pytest.raises(SlurmError, match=r"'%' or a .* in its path"):
        script(Array("x-0", (("a",),)), SMALL, tmp_path / "50%", None)


def test_without_slurm(tmp_path: Path, no_slurm: None) -> None:
    with pytest.raises(SlurmError, match=r"sbatch is not found on .* submit from a login node"):
        submit(Array("x-0", (("a",),)), SMALL, tmp_path, WORK, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "sbatch: error: invalid partition specified: gpuu\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified",
            "invalid partition specified: gpuu; Invalid partition name specified. Set partition in the profile",
        ),
        ("allocation failure: Invalid feature specification", "Invalid feature specification. Change constraint"),
        ("sbatch: unrecognized option '--foo=x'", "unrecognized option '--foo=x'. Correct sbatch in the profile"),
        (
            "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates "
            "accounting/QOS policy (job submit limit, user's size and/or time limits)",
            "QOSMaxSubmitJobPerUserLimit; Job violates accounting/QOS policy "
            "(job submit limit, user's size and/or time limits). Submit fewer jobs, or pack more runs",
        ),
        (
            "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying\n"
            "sbatch: error: Batch job submission failed: Resource temporarily unavailable",
            "Slurm temporarily unable to accept job, sleeping and retrying; Resource temporarily unavailable. "
            "The cluster takes no more jobs for now, mostly by its MaxJobCount: issue the same command again",
        ),
        (
            "sbatch: error: Invalid GRES specification (with and without type identification)",
            "Invalid GRES specification (with and without type identification). Say how many GPUs with gpus",
        ),
        ("", "it did not say why. Change the profile accordingly."),
    ],
)
def test_words_of_sbatch(words: str, sentence: str) -> None:
    assert refusal(words).startswith(sentence)


@pytest.mark.cluster
def test_an_array_of_which_one_job_is_warned(cluster: Cluster, results: Path) -> None:
    array = Array("warned-0", tuple((f"run{number}",) for number in range(5)))
    job_id = submit(array, SMALL, results, UNTIL_TOLD, None)
    written = (results / "warned-0" / f"{job_id}_submission.sh").read_text(encoding="utf-8")
    assert written == script(array, SMALL, results, None)
    wait("warned", lambda jobs: len(told(results)) == 5)
    assert {job.job_id for job in queue("warned-0").values()} == {f"{job_id}_{index}" for index in range(5)}

    subprocess.run(["scancel", "--signal=USR2", raw_id(f"{job_id}_2")], check=True)
    wait("warned", lambda jobs: jobs["warned-0", 2].state == "COMPLETED")
    first, stopped, second = [said for said in told(results) if said["index"] == 2]
    assert (first["runs"], second["runs"]) == (["run2"], ["run2"])
    assert (stopped["terminated"], stopped["timed_out"], stopped["grace"]) == (False, False, 22.5)
    assert (first["restarts"], second["restarts"]) == (0, 1)
    assert (first["job"], first["name"]) == (f"{job_id}_2", "warned-0")

    cancel([f"{job_id}_{index}" for index in range(5)])
    wait("warned", ended)
    assert {queue("warned")["warned-0", index].state for index in (0, 1, 3, 4)} == {"CANCELLED"}
    time.sleep(1)
    assert all(said["restarts"] == 0 for said in told(results) if said["index"] != 2), "cancelled is cancelled"


@pytest.mark.cluster
def test_a_preemption_that_is_announced_by_sigterm(tmp_path_factory: pytest.TempPathFactory, results: Path) -> None:
    """The default of SLURM; a job that exits then counts as completed, unless it is queued again."""
    options = {"SlurmctldParameters": "idle_on_node_suspend"}
    with Cluster(tmp_path_factory.mktemp("term"), options=options) as other, pytest.MonkeyPatch.context() as patch:
        for name, value in (other.env | {"PYTHONPATH": str(Path(__file__).parents[2])}).items():
            patch.setenv(name, value)
        submit(Array("low-0", (("a",),)), SMALL.model_copy(update={"cpus": 4}), results, UNTIL_TOLD, None)
        wait("low", lambda jobs: len(told(results)) == 1)
        high = Profile(partition="hi", cpus=4, memory_gb=0.1, sbatch={"nodelist": told(results)[0]["node"]})
        submit(Array("high-0", (("b",),)), high, results, WORK, None)
        wait("", ended)
        low = [said for said in told(results) if said["name"] == "low-0"]
        assert [said["restarts"] for said in low] == [0, 0, 1]
        assert low[1]["terminated"]


@pytest.mark.cluster
def test_a_single_job_is_index_0(cluster: Cluster, results: Path) -> None:
    job_id = submit(Array("single-0", (("a", "b"),)), SMALL, results, WORK, None)
    wait("single", lambda jobs: bool(jobs) and ended(jobs))
    assert told(results)[0] | {"node": ""} == {
        "job": job_id,
        "name": "single-0",
        "index": 0,
        "node": "",
        "restarts": 0,
        "runs": ["a", "b"],
    }
    assert queue("single")["single-0", 0].state == "COMPLETED"


@pytest.mark.cluster
def test_a_submission_from_inside_another_job(cluster: Cluster, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_MEM_PER_CPU", "SLURM_CPUS_PER_TASK", "SBATCH_TIMELIMIT", "SLURM_NTASKS"):
        monkeypatch.setenv(name, "3")
    monkeypatch.setenv("SBATCH_JOB_NAME", "other")
    monkeypatch.setenv("SUBMITIT_PREEMPT_SIGNAL", "USR1")
    submit(Array("inside-0", (("a",),)), SMALL, results, WORK, None)
    wait("inside", lambda jobs: bool(jobs) and ended(jobs))
    assert len(told(results)) == 1


@pytest.mark.cluster
def test_a_refusal_leaves_nothing_behind(cluster: Cluster, results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bad = SMALL.model_copy(update={"partition": "gpuu"})
    with pytest.raises(SlurmError, match=r"sbatch refused 'bad-0': invalid partition specified: gpuu.* Set partition"):
        submit(Array("bad-0", (("a",), ("b",))), bad, results, WORK, None)
    assert [path.name for path in results.iterdir()] == ["submission.json"]
    assert queue("bad") == {}
    assert capfd.readouterr() == ("", "")


@pytest.mark.cluster
def test_an_interruption_after_sbatch_takes_the_array_back(
    cluster: Cluster, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("submitit.core.utils.JobPaths.move_temporary_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        submit(Array("broken-0", (("a",), ("b",))), SMALL, results, WORK, None)
    wait("broken", lambda jobs: bool(jobs) and ended(jobs))
    assert {job.state for job in queue("broken").values()} == {"CANCELLED"}
    assert [path.name for path in results.iterdir()] == ["submission.json"]


@pytest.mark.cluster
def test_a_name_is_submitted_once(cluster: Cluster, results: Path) -> None:
    array = Array("once-0", (("a",),))
    submit(array, SMALL, results, WORK, None)
    with pytest.raises(SlurmError, match=r"'once-0' has been submitted .* give the array a new name"):
        submit(array, SMALL, results, WORK, None)
    wait("once", ended)
    assert len(queue("once")) == 1


@pytest.mark.cluster
def test_2500_jobs_are_three_arrays_of_as_many_as_the_cluster_takes(cluster: Cluster, results: Path) -> None:
    on_hold = SMALL.model_copy(update={"sbatch": {"hold": True}})
    jobs = pack([f"run{number}" for number in range(2500)], {}, 60, None)
    split = arrays("many", jobs, limits().max_array_size)
    assert [len(array.jobs) for array in split] == [1001, 1001, 498]
    with pytest.raises(SlurmError, match=r"Invalid job array specification. Submit fewer jobs"):
        submit(Array("many-9", tuple(jobs[:1002])), on_hold, results, WORK, None)
    ids = [submit(array, on_hold, results, WORK, 10) for array in split]
    waiting = queue("many")
    assert len(waiting) == 2500
    assert all(job.held and job.active for job in waiting.values())
    assert waiting["many-1", 1000].job_id == f"{ids[1]}_1000"
    cancel([job.job_id for job in waiting.values()])
    assert ended(queue("many"))


@pytest.mark.cluster
def test_a_function_that_raises_is_a_failed_job_with_a_log(cluster: Cluster, results: Path) -> None:
    job_id = submit(Array("raises-0", (("a",),)), SMALL, results, "tests.slurm.jobs:nothing", None)
    wait("raises", lambda jobs: bool(jobs) and ended(jobs))
    log = (results / "raises-0" / f"{job_id}_0_log.out").read_text(encoding="utf-8")
    assert "has no attribute 'nothing'" in log
    assert queue("raises")["raises-0", 0].state == "FAILED"
    if cluster.accounting:
        deadline = time.monotonic() + 20
        while not (ends := end_of([job_id])) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert ends == {job_id: "FAILED, exit code 1"}


@pytest.mark.cluster
def test_gpus_and_python_of_a_job(cluster: Cluster, results: Path) -> None:
    profile = SMALL.model_copy(update={"gpus": 1})
    job_id = submit(Array("gpu-0", (("a",),)), profile, results, "tests.slurm.jobs:tell_gpus", None)
    wait("gpu", lambda jobs: bool(jobs) and ended(jobs))
    assert told(results)[0]["gpus"] in ("0", "1")
    assert told(results)[0]["python"] == sys.executable
    assert (results / "gpu-0" / f"{job_id}_submitted.pkl").exists()


def raw_id(job_id: str) -> str:
    """The job's own number: to signal 'A_i' makes scancel try again for half a minute."""
    assert shutil.which("squeue")
    command = ["squeue", "--noheader", "--array", "--format=%i %A"]
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(row.split() for row in rows)[job_id]
