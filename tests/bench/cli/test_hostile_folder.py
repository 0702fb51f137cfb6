"""A stranger's results folder: 20 honest runs, and one of every kind that would harm its reader."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.store.record import Record
from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench
from tests.bench.store.helpers import spec_of
from tests.results import put

MOST_MEMORY = 2 * 2**30
ESCAPES = "\x1b[2J\x1b]0;owned\x07"


def record(model: str = "topk", seed: int = 0, **fields: Any) -> Record:
    spec = spec_of(seed, model=model, model_reference=f"models.{model}:Model")
    values: dict[str, Any] = {"status": "done", "metrics": {"fvu": 0.5 + seed / 100, "l0": 5.0}, **fields}
    return Record(run_id=spec.run_id, spec=spec, **values)


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def bomb(path: Path) -> None:
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**8, 10)}
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("class_rates.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(member, header)
        for _ in range(800):
            member.write(bytes(2**20))


def hostile(root: Path) -> list[str]:
    """One folder of each kind; the names of those whose records cannot be read."""
    store = RunStore(root)
    unreadable = []

    def make(seed: int, **fields: Any) -> Path:
        run = record("relu", seed, **fields)
        put(store, run)
        return store.folder(run.run_id).record_path

    def odd(seed: int, change: Callable[[dict[str, Any]], None]) -> None:
        path = make(seed)
        edit(path, change)
        unreadable.append(path.parent.name)

    def replaced(seed: int, put_there: Callable[[Path], object]) -> None:
        path = make(seed)
        path.unlink()
        put_there(path)
        unreadable.append(path.parent.name)

    odd(100, lambda c: c["provenance"].update(start=5))
    odd(101, lambda c: c["provenance"].update(cluster={"differs": 5}))
    odd(102, lambda c: c["spec"].update(model="topk"))  # relu's numbers as topk's
    odd(103, lambda c: c["spec"].update(model="x" * 10**6))
    odd(104, lambda c: c.update(schema_version=99))
    replaced(110, os.mkfifo)
    replaced(111, lambda path: path.mkdir())
    replaced(112, lambda path: path.symlink_to("/dev/zero"))
    replaced(113, lambda path: path.write_bytes(b"[" * 10**6))
    replaced(114, lambda path: subprocess.run(["truncate", "--size=12G", str(path)], check=True))
    replaced(115, lambda path: path.write_text('{"schema_version": 2, "schema_version": 1}', encoding="utf-8"))
    outside = root.parent / "outside"
    path = make(116)
    path.parent.rename(outside)
    path.parent.symlink_to(outside)
    unreadable.append(path.parent.name)
    code = root.parent / "executed"
    (root / "data.py").write_text(
        f"import pathlib; pathlib.Path({str(code)!r}).touch()\nclass D: pass", encoding="utf-8"
    )
    named = record("named-code")
    spec = named.spec.model_copy(update={"dataset": "theirs", "dataset_reference": f"{root}/data.py:D"})
    spec = spec.model_copy(update={"model_reference": f"{root}/data.py:D"})
    put(store, named.model_copy(update={"spec": spec, "run_id": spec.run_id}))
    bomb(make(120).with_name("arrays.npz"))
    os.mkfifo(make(121).with_name("history.csv"))
    make(122).with_name("views.npz").write_bytes(b"PK\x03\x04 nothing")
    os.mkfifo(make(123).with_name("legend.json"))
    put(store, record("=1+1", 0, metric_errors={"mse": f"{ESCAPES} @SUM(A1)"}))
    put(store, record(f"esc{ESCAPES}", 0))
    (root / ".slurm" / "20260101-000000-aaaa").mkdir(parents=True)
    (root / ".slurm" / "20260101-000000-aaaa" / "runs.json").write_text(
        '{"a": 5, "b": [[["../.."]]]}', encoding="utf-8"
    )
    os.mkfifo(root / "claims.json")
    return unreadable


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], subprocess.CompletedProcess[str]]:
    root = tmp_path_factory.mktemp("strangers") / "runs"
    for seed in range(20):
        put(RunStore(root), record(seed=seed))
    unreadable = hostile(root)
    command = [sys.executable, "-m", "bench", "leaderboard", "--results", str(root), "--out", str(root.parent / "out")]
    limit = (MOST_MEMORY, MOST_MEMORY)
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, limit),
    )
    return root, unreadable, run


def test_the_honest_rows_stand_and_each_bad_record_is_named(
    done: tuple[Path, list[str], subprocess.CompletedProcess[str]],
) -> None:
    root, unreadable, run = done
    assert run.returncode == 1, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    for name in unreadable:
        assert f"unreadable, left alone: {root / name / 'record.json'}" in run.stdout
    text = (root.parent / "out" / "leaderboard.csv").read_text(encoding="utf-8")
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(text))}
    assert rows["topk"]["seeds"] == "20"
    assert float(rows["topk"]["fvu"]) == pytest.approx(0.5 + 9.5 / 100)
    assert rows["relu"]["seeds"] == "4"


def test_nothing_that_a_record_names_is_run(done: tuple[Path, list[str], subprocess.CompletedProcess[str]]) -> None:
    root, _, _ = done
    assert not (root.parent / "executed").exists()
    for verb in (["report"], ["compare", "topk", "relu"], ["figures", "named-code"], ["status"], ["evaluate"]):
        bench(*verb, "--results", str(root))
    assert not (root.parent / "executed").exists()


def test_a_terminal_is_sent_no_escapes(done: tuple[Path, list[str], subprocess.CompletedProcess[str]]) -> None:
    root, _, run = done
    assert "\x1b" not in run.stdout
    assert r"esc\x1b[2J\x1b]0;owned\x07" in run.stdout
    for verb in (["status"], ["show", next(root.glob("esc*")).name]):
        shown = bench(*verb, "--results", str(root))
        assert "\x1b" not in shown.stdout + shown.stderr


def test_a_spreadsheet_finds_no_formula_and_the_names_can_be_had_back(
    done: tuple[Path, list[str], subprocess.CompletedProcess[str]],
) -> None:
    root, _, _ = done
    text = (root.parent / "out" / "leaderboard.csv").read_text(encoding="utf-8")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not [cell for cell in cells if cell[:1] in "=+@" and cell]
    models = {row["model"].removeprefix("'") for row in csv.DictReader(io.StringIO(text))}
    assert "=1+1" in models
