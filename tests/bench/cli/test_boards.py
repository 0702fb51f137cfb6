"""`bench leaderboard`, `report`, `compare`: boards from the records alone."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.api.boards import build_boards
from bench.compare.answers import floors_of
from bench.plugins.registry import METRIC_REGISTRY
from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench, carry_out, make
from tests.bench.cluster.helpers import plan_of, submitted


def test_leaderboard_rebuilds_the_same_tables_from_records(results: Path, tmp_path: Path) -> None:
    rebuilt = bench("leaderboard", "--results", str(results), "--out", str(tmp_path))
    assert rebuilt.returncode == 0
    for suffix in ("md", "csv", "json", "tex"):
        name = f"leaderboard.{suffix}"
        assert (tmp_path / name).read_text(encoding="utf-8") == (results / name).read_text(encoding="utf-8")
    assert f"Report: {tmp_path / 'report.html'}" in rebuilt.stdout
    assert gc.isenabled()


def test_report_writes_the_page_alone(results: Path, tmp_path: Path) -> None:
    said = bench("report", "--results", str(results), "--out", str(tmp_path))
    assert said.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert said.stdout.strip() == f"Report: {tmp_path / 'report.html'}"


def test_boards_are_made_without_what_takes_long_to_import(results: Path, tmp_path: Path) -> None:
    heavy = {"torch", "pandas", "sklearn", "scipy.stats", "scipy.interpolate"}
    code = f"import sys; from bench.cli.app import main\ntry: main()\nfinally: print({heavy} & sys.modules.keys())"
    command = [sys.executable, "-c", code, "leaderboard", "--results", str(results), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_an_unreadable_record_is_named_and_counted(tmp_path: Path) -> None:
    carry_out(make(tmp_path, models="mean,pca"), tmp_path)
    broken = next(tmp_path.glob("mean*/record.json"))
    broken.write_text("{", encoding="utf-8")
    board = bench("leaderboard", "--results", str(tmp_path))
    assert board.returncode == 1
    assert str(broken) in board.stdout
    assert "1 of 2 records cannot be read" in board.stdout
    assert broken.read_text(encoding="utf-8") == "{"


@pytest.mark.parametrize("verb", ["leaderboard", "report"])
def test_a_metric_that_does_not_import_costs_its_column_only(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    (tmp_path / "broken.py").write_text("import numpyy\n", encoding="utf-8")
    monkeypatch.setitem(METRIC_REGISTRY.builtins, "fvu", f"{tmp_path / 'broken.py'}:fvu")
    said = bench(verb, "--results", str(results), "--out", str(tmp_path / "out"))
    assert said.returncode == 0, said.stderr
    assert "Left out of the boards: fvu: ModuleNotFoundError: No module named 'numpyy'" in said.stdout
    assert (tmp_path / "out" / "report.html").is_file()


def test_submitted_runs_that_are_missing_are_said(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, seeds=3)
    submitted(tmp_path, [[spec.run_id] for spec in plan.specs])
    carry_out(make(tmp_path), tmp_path)
    said = bench("leaderboard", "--results", str(tmp_path)).stdout
    assert f"2 of 3 submitted runs have no record yet; `python -m bench status --results {tmp_path}` says" in said


@pytest.mark.parametrize("more", [[], ["--all"]])
def test_compare_shows_two_rows_metric_by_metric(results: Path, more: list[str]) -> None:
    said = bench("compare", "topk", "mean", "--results", str(results), *more)
    assert said.returncode == 0
    assert "FVU ↓" in said.stdout
    assert "Holm" in said.stdout
    header = next(line for line in said.stdout.splitlines() if line.startswith("metric"))
    assert header.split() == ["metric", "seeds", "topk", "mean", "difference", "better"]


def test_compare_names_the_rows_that_there_are(results: Path) -> None:
    said = bench("compare", "topkk", "mean", "--results", str(results))
    assert said.returncode == 2
    assert "Did you mean 'topk'" in said.stderr


def test_a_folder_that_was_copied_is_named(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results, tmp_path / "runs")
    first = next((tmp_path / "runs").glob("mean*"))
    shutil.copytree(first, first.with_name("backup"))
    said = bench("leaderboard", "--results", str(tmp_path / "runs"))
    assert said.returncode == 1
    assert "another run" in said.stdout


def test_report_writes_a_site_and_takes_one_folder(results: Path, tmp_path: Path) -> None:
    said = bench("report", "--results", str(results), "--site", str(tmp_path / "site"))
    assert said.returncode == 0, said.stderr
    assert len(list((tmp_path / "site").glob("digits-*.html"))) == 1
    both = bench("report", "--results", str(results), "--site", str(tmp_path / "a"), "--out", str(tmp_path / "b"))
    assert both.returncode == 2
    assert "give one of them" in both.stderr


def test_a_floor_is_not_ranked_though_its_legend_is_lost(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    carry_out(make(tmp_path, models="mean,random,topk"), tmp_path)
    runs = store.scan().records
    (board,) = build_boards(runs, store)
    assert floors_of(board, store) == {"mean", "random"}
    for record in runs:
        (store.folder(record.run_id).path / "legend.json").unlink()
    assert floors_of(board, store) == {"mean", "random"}
