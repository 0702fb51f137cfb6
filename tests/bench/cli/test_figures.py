"""`bench figures`: runs drawn for a paper."""

from __future__ import annotations

from pathlib import Path

from tests.bench.cli.helpers import bench


def test_figures_are_drawn_of_the_lowest_seed_of_each_row(results: Path, tmp_path: Path) -> None:
    said = bench("figures", "--only", "reconstructions", "--results", str(results), "--out", str(tmp_path))
    assert said.returncode == 0, said.stdout + said.stderr
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"reconstructions.png"}
    assert sorted(path.parent.name.rpartition("-")[0] for path in files) == [
        *("mean-digits-s0", "topk-digits-s0", "vae-digits-s0"),
    ]
    assert said.stdout.splitlines()[-1] == f"3 files in {tmp_path}"
