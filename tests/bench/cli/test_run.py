"""`bench run`: plan, execute, show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.store.runs import RunStore
from tests.bench.cli.helpers import FEW, STUDY, bench, metric_file, model_file

SMALL = ("run", "--models", "mean", "--seeds", "1", "--budget", "smoke")


def test_the_same_command_again_runs_nothing(results: Path) -> None:
    again = bench(*STUDY, "--results", str(results))
    assert again.returncode == 0
    assert "7 done, 0 failed, 0 to run; nothing to do" in again.stdout
    assert "[1/" not in again.stdout


def test_dry_run_prints_the_plan_and_writes_nothing(tmp_path: Path) -> None:
    done = bench(
        "run", "--dry-run", "--models", "all", "--datasets", "mnist,fmnist", "--results", str(tmp_path / "runs")
    )
    assert done.returncode == 0
    assert "144 runs = 26 models x 2 datasets x 3 seeds, one seed of pca, mean, identity" in done.stdout
    assert not (tmp_path / "runs").exists()


def test_a_results_folder_that_cannot_be_written_stops_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    done = bench("run", "--models", "mean", "--results", str(tmp_path / "file" / "runs"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "[1/" not in done.stdout


def test_absent_data_is_one_message_and_status_2(tmp_path: Path) -> None:
    offline = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:1")
    done = bench("run", "--models", "mean", "--datasets", "mnist", "--data-dir", "data", cwd=tmp_path, env=offline)
    assert done.returncode == 2
    assert "--datasets digits" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failed_run_is_one_line_with_its_log_and_status_1(tmp_path: Path) -> None:
    late = "total = self.bias.square().sum()\n        if progress: raise RuntimeError('out of ideas')"
    reference = model_file(tmp_path, late)
    arguments = ["run", "--models", f"mean,{reference}", "--seeds", "1", "--budget", "smoke", *FEW]
    arguments += ["--results", str(tmp_path / "runs")]
    done = bench(*arguments)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("[") and "out of ideas" in line]
    assert "RuntimeError: out of ideas" in line
    log = Path(line.partition("(log: ")[2].rstrip(")"))
    assert "out of ideas" in log.read_text(encoding="utf-8")
    assert "1 failed" in done.stdout
    assert "failed" in (tmp_path / "runs" / "leaderboard.md").read_text(encoding="utf-8")
    assert bench(*arguments).returncode == 1, "it is still failed"


def test_a_model_that_cannot_run_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    reference = model_file(tmp_path, more="def decode(self, codes): return codes.dense()[:, :1]")
    done = bench(*("run", "--models", f"mean,{reference}", "--budget", "smoke", *FEW, "--results", str(tmp_path / "r")))
    assert done.returncode == 2
    assert "decode() has the shape (20, 1); expected (20, 64)" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert list((tmp_path / "r").iterdir()) == []


def test_an_unreadable_record_is_named_and_left_alone(tmp_path: Path) -> None:
    arguments = ["run", "--models", "mean,pca", "--seeds", "1", "--budget", "smoke", *FEW, "--results", str(tmp_path)]
    assert bench(*arguments).returncode == 0
    broken = next(tmp_path.glob("mean*/record.json"))
    broken.write_text("{", encoding="utf-8")
    again = bench(*arguments)
    assert again.returncode == 1
    assert "1 done, 0 failed, 1 unreadable, 0 to run" in again.stdout
    assert broken.read_text(encoding="utf-8") == "{"


def test_flags_win_over_a_study_file(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("models: [random, topk]\nseeds: 2\nmetrics: fvu\nbudget: smoke\n", encoding="utf-8")
    flags = ("--study", str(study), "--dry-run", "--results", str(tmp_path / "runs"))
    assert "4 runs = 2 models x 1 dataset x 2 seeds (native setting, smoke budget)" in bench("run", *flags).stdout
    assert "1 run = 1 model x 1 dataset x 1 seed" in bench("run", *flags, "--models", "mean", "--seeds", "1").stdout


def test_a_metric_in_a_file_is_a_column_that_outlives_the_file(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    reference = metric_file(tmp_path / "mine", factor=2.0)
    done = bench(*SMALL, "--metrics", f"fvu,l0,{reference}", "--results", str(runs))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "size ↑" in done.stdout
    (record,) = RunStore(runs).scan().records
    assert record.metrics.keys() == {"fvu", "l0", "size"}
    written = (runs / "leaderboard.csv").read_text(encoding="utf-8")
    (tmp_path / "mine" / "size.py").unlink()
    board = bench("leaderboard", "--results", str(runs))
    assert board.returncode == 0, board.stderr
    assert "size ↑" in board.stdout
    assert (runs / "leaderboard.csv").read_text(encoding="utf-8") == written
    (board_json,) = json.loads((runs / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    assert board_json["rows"][0]["metrics"]["size"]["by_seed"] == {"0": record.metrics["size"]}


def test_a_metric_in_a_file_is_found_from_another_folder(tmp_path: Path) -> None:
    metric_file(tmp_path)
    done = bench(*SMALL, "--metrics", "fvu,./size.py:size", "--results", "runs", "--executor", "pool", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = RunStore(tmp_path / "runs").scan().records
    assert record.metrics.keys() == {"fvu", "size"}


def test_a_misspelt_need_of_a_metric_is_refused_before_anything_runs(tmp_path: Path) -> None:
    reference = metric_file(tmp_path, need="x_hatt")
    done = bench(*SMALL, "--metrics", f"fvu,{reference}", "--results", str(tmp_path / "runs"))
    assert done.returncode == 2
    assert "it asks for 'x_hatt', which nothing provides. Did you mean 'x_hat'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_two_metrics_of_one_name_are_refused(tmp_path: Path) -> None:
    first, second = (metric_file(tmp_path / name) for name in ("here", "there"))
    done = bench(*SMALL, "--metrics", f"{first},{second}", "--results", str(tmp_path / "runs"))
    assert done.returncode == 2
    assert f"Two metrics are called 'size': {first} and {second}" in done.stderr
    builtin = bench(
        *SMALL, "--metrics", f"all,{metric_file(tmp_path, name='fvu')}", "--results", str(tmp_path / "runs")
    )
    assert builtin.returncode == 2
    assert "has the name of one that is there already" in builtin.stderr
    assert not (tmp_path / "runs").exists()


def test_a_metric_that_raises_is_a_failed_cell_and_status_1(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    metric_file(tmp_path, name="bad")
    file.write_text(
        file.read_text(encoding="utf-8").replace("return", "raise RuntimeError('no idea');"), encoding="utf-8"
    )
    done = bench(*SMALL, "--metrics", f"fvu,{file}:bad", "--results", str(tmp_path / "runs"))
    assert done.returncode == 1
    assert "1 metric failed in runs that are done: bad." in done.stdout
    (record,) = RunStore(tmp_path / "runs").scan().records
    assert (record.status, record.metric_errors) == ("done", {"bad": "RuntimeError: no idea"})


def test_a_dry_run_for_a_cluster_prints_arrays_and_script_without_one(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    flags = ("run", "--models", "random,topk", "--seeds", "3", "--budget", "smoke", "--executor", "slurm", "--dry-run")
    done = bench(*flags, "--runs-per-job", "2", "--results", str(runs), env={"PATH": ""})
    assert done.returncode == 0, done.stderr
    assert "executor: slurm, cpu" in done.stdout
    assert "1 array of 3 jobs for 6 runs; each job: 1 core," in done.stdout
    assert "The script of bench-" in done.stdout
    assert "#SBATCH --array=0-2%3" in done.stdout
    assert not runs.exists(), "a dry run writes nothing"


def test_a_cluster_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    done = bench(*SMALL, "--executor", "slurm", "--results", str(tmp_path), env={"PATH": ""})
    assert done.returncode == 2
    assert "is not found" in done.stderr
    assert "login node" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("mean*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max-parallel", "0"], ["--max-parallel", "1"]),
        (["--device", "cuda"], ["--profile gpu"]),
        (["--profile", "gpuu"], ["gpuu", "Did you mean 'gpu'"]),
        (["--slurm", "partion=x"], ["partion", "Did you mean 'partition'"]),
    ],
)
def test_what_a_cluster_cannot_be_asked_for(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    done = bench(*SMALL, "--executor", "slurm", *arguments, "--results", str(tmp_path), env={"PATH": ""})
    assert done.returncode == 2, done.stdout
    for word in words:
        assert word in done.stderr


def test_force_runs_everything_again(tmp_path: Path) -> None:
    flags = (*SMALL, *FEW, "--results", str(tmp_path))
    assert bench(*flags).returncode == 0
    record = next(tmp_path.glob("*/record.json"))
    before = record.stat().st_mtime_ns
    again = bench(*flags, "--force")
    assert again.returncode == 0
    assert "1 to run" in again.stdout
    assert record.stat().st_mtime_ns > before


@pytest.mark.parametrize("executor", ["inline", "pool"])
def test_a_forced_run_that_fails_costs_nothing_that_was_done(executor: str, tmp_path: Path) -> None:
    """Whether it raises, or its process is killed."""
    ends = "raise RuntimeError('no more')" if executor == "inline" else "import os; os._exit(9)"
    flag, loss = tmp_path / "flag", "total = self.bias.square().sum()"
    loss += f"\n        import pathlib\n        if progress and pathlib.Path({str(flag)!r}).exists(): {ends}"
    flags = ("run", "--models", model_file(tmp_path, loss), "--seeds", "1", "--budget", "smoke", *FEW)
    flags += ("--results", str(tmp_path / "runs"), "--executor", executor)
    assert bench(*flags).returncode == 0
    before = {path.name: path.read_bytes() for path in tmp_path.glob("runs/*-*/*")}
    flag.touch()
    failed = bench(*flags, "--force", *(["--workers", "2"] if executor == "pool" else []))
    assert failed.returncode == 1
    assert ("no more" if executor == "inline" else "exit status 9") in failed.stdout
    assert "1 run failed this time, and kept what was done before: see error.log." in failed.stdout
    assert {path.name: path.read_bytes() for path in tmp_path.glob("runs/*-*/*") if path.name != "error.log"} == before
    assert bench(*flags).returncode == 0, "it is done"
    flag.unlink()
    assert bench(*flags, "--force").returncode == 0
    assert not list(tmp_path.glob("runs/*-*/error.log"))
