"""`bench figures`: runs drawn for a paper."""

from __future__ import annotations

from pathlib import Path

from tests.bench.cli.helpers import bench


def test_figures_are_drawn_of_the_lowest_seed_of_each_row(results: Path, tmp_path: Path) -> None:
    said = bench("figures", "--results", str(results), "--out", str(tmp_path))
    assert said.returncode == 0, said.stdout + said.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".png"}
    assert said.stdout.splitlines()[-1] == f"{len(files)} files in {tmp_path}"


def test_a_run_is_drawn_by_name(results: Path, tmp_path: Path) -> None:
    run_id = next(path.parent.name for path in results.glob("topk-digits-s1*/record.json"))
    said = bench("figures", run_id, "--results", str(results), "--out", str(tmp_path))
    assert said.returncode == 0, said.stdout + said.stderr
    assert list(tmp_path.rglob("*.png"))
