"""`bench figures`: which runs, into which folders, from nothing but what runs left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.compare.boards import build
from bench.errors import BenchError
from bench.show.figures.command import first_of_each_row, write_figures
from bench.store.runs import RunStore
from bench.store.views import Views
from tests.bench.cli.helpers import bench
from tests.bench.show.conftest import MODELS
from tests.bench.show.figures.test_study import SPARSE, record_of
from tests.bench.show.report import factory
from tests.results import put


def test_by_default_the_lowest_seed_of_each_row(trained: RunStore) -> None:
    boards = build(trained.scan().records, ())
    assert sorted(record.spec.model for record in first_of_each_row(boards, trained)) == sorted(MODELS)


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="No runs that are done"):
        write_figures([], RunStore(tmp_path), tmp_path, print)
    with pytest.raises(BenchError, match="Unknown run"):
        write_figures(["nothing"], RunStore(tmp_path), tmp_path, print)
    assert list(tmp_path.iterdir()) == []


def test_the_verb_draws_one_run(trained: RunStore, tmp_path: Path) -> None:
    run_id = record_of(trained, "mp").run_id
    done = bench("figures", run_id, "--results", str(trained.root), "--out", str(tmp_path), "--format", "png,pdf")
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in (tmp_path / run_id).glob("*.pdf")} == SPARSE
    assert f"{2 * len(SPARSE)} files in {tmp_path}" in done.stdout


def test_one_figure_is_drawn_where_one_is_asked_for(trained: RunStore, tmp_path: Path) -> None:
    lines: list[str] = []
    written = write_figures([], trained, tmp_path, lines.append, ["atoms"])
    with_atoms = [record.run_id for record in trained.scan().records if record.spec.model in ("topk", "mp", "pca")]
    assert sorted(written) == sorted(tmp_path / run_id / "atoms.png" for run_id in with_atoms)
    assert len(lines) == len(written) == 3
    with pytest.raises(BenchError, match=r"Unknown figure 'front-fvv'\. Did you mean 'front-fvu'"):
        write_figures([], trained, tmp_path, print, ["atoms", "front-fvv"])
    with pytest.raises(BenchError, match=r"Unknown figure 'front-fvu'.* such as front-fvu, takes two of them or more"):
        write_figures([with_atoms[0]], trained, tmp_path, print, ["front-fvu"])


def test_what_boards_leave_out_is_in_no_figure_and_is_told(tmp_path: Path) -> None:
    records = [factory.record(model, "mnist", 0, factory.scores(0.1, np.zeros(8), 5.0)) for model in ("topk", "mp")]
    old = records[0].model_copy(update={"spec": records[0].spec.model_copy(update={"config": {"k": 10, "old": 1}})})
    old.run_id, old.provenance.end = old.spec.run_id, "2020-01-01T00:00:00+00:00"
    store = factory.store_of(factory.boards_of(records), tmp_path / "runs")
    put(store, old, factory.results_of(old, np.random.default_rng(0)))
    lines: list[str] = []
    write_figures([], store, tmp_path / "out", lines.append, ["front-fvu"])
    assert lines[0] == "mnist, native setting, quick budget: 1 older run left out, as newer ones have their rows."
    assert not (tmp_path / "out" / old.run_id).exists()


def test_a_folder_that_cannot_be_written_is_named_with_the_option(trained: RunStore) -> None:
    with pytest.raises(BenchError, match=r"The folder '/proc/nope' cannot be written .* Name another with --out DIR"):
        write_figures([], trained, Path("/proc/nope"), print, ["atoms"])


def test_it_needs_neither_torch_nor_data(tmp_path: Path) -> None:
    records = [factory.record(model, "mnist", 0, factory.scores(0.1, np.zeros(8), 5.0)) for model in ("topk", "mp")]
    boards = factory.boards_of(records)
    store = factory.store_of(boards, tmp_path / "runs")
    rng = np.random.default_rng(0)
    for path in store.root.glob("topk*/views.npz"):
        with np.load(path) as known:
            arrays = dict(known) | {"code_points": rng.random((40, 5)), "code_classes": np.arange(40) % 10}
        assert Views.from_arrays(arrays).code_points.size
        np.savez(path, allow_pickle=False, **arrays)
    code = "import sys; from bench.cli.app import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    out = tmp_path / "out"
    command = [sys.executable, "-c", code, "figures", "--results", str(store.root), "--out", str(out)]
    environment = {name: value for name, value in os.environ.items() if name != "BENCH_DATA_DIR"}
    environment["PYTHONPATH"] = os.fspath(Path(__file__).parents[4])
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"
    assert len(list(out.glob("*/t-sne.png"))) == 1
    (board,) = out.glob("mnist-*-*-*/front-fvu.png")
    assert {path.stem for path in board.parent.glob("*.png")} >= {"front-fvu", "inference-fvu"}
