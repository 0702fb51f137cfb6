"""The command as a user types it: what it prints, and its exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.plugins.registry import METRIC_REGISTRY, MODEL_REGISTRY
from tests.bench.execute.test_run import plugin


def bench(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], capture_output=True, text=True, timeout=300, cwd=cwd, check=False
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished smoke study."""
    folder = tmp_path_factory.mktemp("study") / "runs"
    done = bench("run", "--models", "topk,vae,mean", "--budget", "smoke", "--results", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Plan: 9 runs = 3 models x 1 dataset x 3 seeds (native setting, smoke budget)" in done.stdout
    assert "9 done (0 of them before), 0 failed, 0 missing of 9 runs." in done.stdout
    assert "digits, native setting, smoke budget" in done.stdout
    return folder


def test_the_same_command_again_runs_nothing(results: Path) -> None:
    again = bench("run", "--models", "topk,vae,mean", "--budget", "smoke", "--results", str(results))
    assert again.returncode == 0
    assert "9 done, 0 failed, 0 to run; nothing to do" in again.stdout
    assert "[1/" not in again.stdout


def test_leaderboard_rebuilds_the_same_tables_from_records(results: Path, tmp_path: Path) -> None:
    rebuilt = bench("leaderboard", "--results", str(results), "--out", str(tmp_path))
    assert rebuilt.returncode == 0
    for suffix in ("md", "csv", "json", "tex"):
        name = f"leaderboard.{suffix}"
        assert (tmp_path / name).read_text(encoding="utf-8") == (results / name).read_text(encoding="utf-8")


def test_show_and_status(results: Path) -> None:
    run_id = next(path.parent.name for path in results.glob("topk*/record.json"))
    shown = bench("show", run_id, "--results", str(results))
    assert shown.returncode == 0
    for word in (run_id, "n_latents", "fvu", "weights.safetensors", "seed"):
        assert word in shown.stdout
    status = bench("status", "--results", str(results))
    assert status.returncode == 0
    assert "digits" in status.stdout


@pytest.mark.parametrize("kind", ["models", "datasets", "metrics"])
def test_list_names_everything_without_importing_torch(kind: str) -> None:
    code = "import sys; from bench.cli.app import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "list", kind], capture_output=True, text=True, timeout=60, check=True
    )
    *lines, imported = done.stdout.strip().splitlines()
    assert imported == "False"
    registry = {"models": MODEL_REGISTRY, "metrics": METRIC_REGISTRY}.get(kind)
    if registry:
        assert [line.split()[0] for line in lines] == list(registry.plugins)
    assert not [line for line in lines if "(no docstring)" in line or "not found" in line]


def test_dry_run_prints_the_plan_and_writes_nothing(tmp_path: Path) -> None:
    done = bench(
        "run", "--dry-run", "--models", "all", "--datasets", "mnist,fmnist", "--results", str(tmp_path / "runs")
    )
    assert done.returncode == 0
    assert "102 runs = 17 models x 2 datasets x 3 seeds" in done.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--models", "topkk"], ["Did you mean 'topk'"]),
        (["run", "--device", "gpu"], ["--device", "auto, cpu, cuda"]),
        (["run", "--executor", "slrum"], ["--executor", "inline, pool"]),
        (["run", "--models", "topk", "--set", "k=2000"], ["topk", "k = 2000"]),
        (["run", "--models", "topk", "--set", "batch_size=9999"], ["topk.batch_size = 9999", "1257"]),
        (["run", "--study", "absent.yaml"], ["absent.yaml"]),
        (["run", "--workers", "0", "--executor", "pool"], ["--workers"]),
        (["list", "modles"], ["Did you mean 'models'"]),
        (["show", "nothing"], ["Unknown run 'nothing'"]),
        (["leaderboard"], ["No records", "python -m bench run"]),
        (["status"], ["No records"]),
        (["rum"], ["rum"]),
    ],
)
def test_unusable_arguments_are_one_message_and_status_2(
    arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    done = bench(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_results_folder_that_cannot_be_written_stops_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    done = bench("run", "--models", "mean", "--results", str(tmp_path / "file" / "runs"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "[1/" not in done.stdout


def test_absent_data_is_one_message_and_status_2(tmp_path: Path) -> None:
    environment = os.environ | dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:1")
    environment.pop("BENCH_DATA_DIR", None)
    command = [sys.executable, "-m", "bench", "run", "--models", "mean", "--datasets", "mnist"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 2
    assert "--datasets digits" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failed_run_is_one_line_with_its_log_and_status_1(tmp_path: Path) -> None:
    reference = plugin(tmp_path, "raise RuntimeError('out of ideas')")
    arguments = [
        "--models",
        f"mean,{reference}",
        "--seeds",
        "1",
        "--budget",
        "smoke",
        "--results",
        str(tmp_path / "runs"),
    ]
    done = bench("run", *arguments)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("[") and "out of ideas" in line]
    assert "RuntimeError: out of ideas" in line
    log = Path(line.partition("(log: ")[2].rstrip(")"))
    assert "out of ideas" in log.read_text(encoding="utf-8")
    assert "1 failed" in done.stdout
    assert "failed" in (tmp_path / "runs" / "leaderboard.md").read_text(encoding="utf-8")
    assert bench("run", *arguments).returncode == 1, "it is still failed"


def test_an_unreadable_record_is_named_and_counted(tmp_path: Path) -> None:
    arguments = ["--models", "mean,pca", "--seeds", "1", "--budget", "smoke", "--results", str(tmp_path)]
    assert bench("run", *arguments).returncode == 0
    broken = next(tmp_path.glob("mean*/record.json"))
    broken.write_text("{", encoding="utf-8")
    board = bench("leaderboard", "--results", str(tmp_path))
    assert board.returncode == 1
    assert str(broken) in board.stdout
    assert "1 of 2 records cannot be read" in board.stdout
    again = bench("run", *arguments)
    assert again.returncode == 1
    assert "1 done, 0 failed, 1 unreadable, 0 to run" in again.stdout
    assert broken.read_text(encoding="utf-8") == "{"
