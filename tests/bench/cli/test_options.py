"""Options that verbs share: each written once, all of them on every verb that carries runs out."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest
import typer

from bench.cli.options import DataDir, Execution, with_execution
from bench.errors import BenchError
from bench.execute.machine import DEVICES
from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench, metric_file, model_file

WIDE = {"COLUMNS": "200"}


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@pytest.mark.parametrize("verb", ["run", "claims"])
def test_a_verb_that_carries_runs_out_has_all_options_of_execution(verb: str) -> None:
    said = bench(verb, "--help", env=WIDE)
    assert said.returncode == 0
    for field in fields(Execution):
        assert f" {flag(field.name)} " in said.stdout
    for each in ("--results", "--data-dir", "--seeds", "--budget"):
        assert f" {each} " in said.stdout
    assert "--execution" not in said.stdout


def test_run_and_claims_show_the_same_lines_of_help() -> None:
    run, claims = (bench(verb, "--help", env=WIDE).stdout.splitlines() for verb in ("run", "claims"))
    for field in fields(Execution):
        here, there = ([line for line in lines if f" {flag(field.name)} " in line] for lines in (run, claims))
        assert [line.split() for line in here] == [line.split() for line in there]


def test_every_option_has_a_line_of_help() -> None:
    for name, hint in get_type_hints(Execution, include_extras=True).items():
        (option,) = hint.__metadata__
        assert option.help, name


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(BenchError, match="Unknown --device 'gpu'"):
        Execution(device="gpu")
    assert [Execution(device=device).device for device in DEVICES] == list(DEVICES)


def test_a_verb_gets_the_bundle_and_keeps_its_own_parameters() -> None:
    given: list[tuple[int, Execution]] = []

    @with_execution
    def verb(seeds: int = 3, *, execution: Execution) -> None:
        """Says what it does."""
        given.append((seeds, execution))

    small = typer.Typer()
    small.command()(verb)
    small(["--seeds", "4", "--executor", "pool", "--workers", "7", "--dry-run"], standalone_mode=False)
    small([], standalone_mode=False)
    assert given == [(4, Execution(executor="pool", workers=7, dry_run=True)), (3, Execution())]
    assert list(inspect.signature(verb).parameters) == ["seeds", *(field.name for field in fields(Execution))]
    assert verb.__doc__ == "Says what it does."


def test_paths_begin_at_home_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    model_file(tmp_path)
    metric_file(tmp_path)
    study = "models: ['~/mine.py:Mine']\nmetrics: [fvu, '~/size.py:size']\nseeds: 1\nbudget: smoke\n"
    (tmp_path / "study.yaml").write_text(study, encoding="utf-8")
    home = {"HOME": str(tmp_path)}
    said = bench("run", "--study=~/study.yaml", "--results=~/runs", cwd=tmp_path / "work", env=home)
    assert said.returncode == 0, said.stdout + said.stderr
    (record,) = RunStore(tmp_path / "runs").scan().records
    assert (record.spec.model, set(record.metrics)) == ("Mine", {"fvu", "size"})
    out = bench("leaderboard", "--results=~/runs", "--out=~/tables", cwd=tmp_path / "work", env=home)
    assert out.returncode == 0, out.stderr
    assert (tmp_path / "tables" / "report.html").is_file()
    assert list((tmp_path / "work").iterdir()) == []
    lost = bench("status", "--results=~nobody-here/runs")
    assert lost.returncode == 2
    assert "'~nobody-here' means; write it out" in lost.stderr


def test_the_data_folder_of_the_environment_begins_at_home_too(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Path] = []
    small = typer.Typer()

    @small.command()
    def verb(data_dir: DataDir = Path("data")) -> None:
        given.append(data_dir)

    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("BENCH_DATA_DIR", raising=False)
    small([], standalone_mode=False)
    small(["--data-dir=~/sets"], standalone_mode=False)
    monkeypatch.setenv("BENCH_DATA_DIR", "~/data")
    small([], standalone_mode=False)
    assert given == [Path("data"), Path("/home/me/sets"), Path("/home/me/data")]


def test_the_data_folder_may_be_named_by_the_environment(tmp_path: Path) -> None:
    said = bench("run", "--datasets", "mnist", "--dry-run", "--help", env=WIDE | {"BENCH_DATA_DIR": str(tmp_path)})
    assert "BENCH_DATA_DIR" in said.stdout
