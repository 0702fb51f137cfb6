"""`bench.run` and `bench.results`: the runs are those of the command line, and nothing is lost or made twice."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array

import bench
from bench.api.arrays import kept
from bench.store.runs import RunStore
from tests.bench.api.conftest import REQUEST
from tests.bench.cli import helpers
from tests.bench.execute.helpers import MODEL


def test_importing_it_costs_nothing_and_says_what_there_is() -> None:
    code = "import bench, sys; print(sorted({'torch', 'pandas', 'pydantic'} & sys.modules.keys()), dir(bench))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("[] ")
    assert all(f"'{name}'" in done.stdout for name in bench.NAMES)
    assert all(callable(getattr(bench, name)) for name in bench.NAMES)
    with pytest.raises(AttributeError, match="no attribute 'leaderbord'"):
        bench.leaderbord  # noqa: B018


def test_it_makes_the_runs_of_the_command_line(tmp_path: Path) -> None:
    """With the same numbers; what one has made, the other does not make again."""
    words = ("--models", "topk,mean", "--seeds", "1", "--budget", "smoke", "--metrics", "fvu,l0")
    assert helpers.bench("run", *words, "--results", str(tmp_path / "cli")).returncode == 0
    keys = {"seeds": 1, "budget": "smoke", "metrics": ["fvu", "l0"], "verbose": False}
    table = bench.run(["topk", "mean"], results=tmp_path / "api", **keys)
    pd.testing.assert_frame_equal(table, bench.run("topk,mean", results=tmp_path / "cli", **keys))
    again = helpers.bench("run", *words, "--results", str(tmp_path / "api"))
    assert "2 done (2 of them before)" in again.stdout
    assert "bench.run(models=['topk', 'mean']" in RunStore(tmp_path / "api").find("topk").provenance.command


def test_a_row_for_each_number_and_each_reason(table: pd.DataFrame, folder: Path) -> None:
    assert set(table.model + " " + table.variant) == {"topk n_latents=16 k=1", "topk n_latents=16 k=3", "pca "}
    assert table.run.nunique() == 5
    record = RunStore(folder).find(table.run[0])
    first = table[table.run == record.run_id].dropna(subset="value")
    assert dict(zip(first.metric, first.value, strict=True)) == record.metrics
    (reason,) = set(table[table.metric == "neg_elbo"].reason)
    assert reason.startswith("n/a: ")
    assert table.attrs["units"]["l0"] == "units"
    assert table.attrs["directions"] == {"fvu": "min", "l0": "none", "probe_accuracy": "max"}
    everything = bench.results(folder).sort_values(["run", "metric"], ignore_index=True)
    pd.testing.assert_frame_equal(everything, table.sort_values(["run", "metric"], ignore_index=True))


def test_the_same_array_is_the_same_data(x: np.ndarray, labels: np.ndarray, folder: Path, table: pd.DataFrame) -> None:
    """And another one of that name is refused: the runs that are there could not be looked at again."""
    records = {path: path.stat().st_mtime_ns for path in folder.glob("*/record.json")}
    bench.run("pca", {"mine": (torch.from_numpy(x), labels.tolist())}, 1, results=folder, **REQUEST)
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*/record.json")} == records
    with pytest.raises(bench.BenchError, match="holds other numbers under the name 'mine'"):
        bench.run("pca", {"mine": x}, 1, results=folder, **REQUEST)


def test_an_array_is_one_data_set_however_it_lies_in_memory(x: np.ndarray, tmp_path: Path) -> None:
    orders = {"rows": x, "columns": np.asfortranarray(x), "slices": np.repeat(x, 2, axis=1)[:, ::2]}
    paths = [kept({"mine": array}, RunStore(tmp_path / order))[0] for order, array in orders.items()]
    assert len({Path(path).read_bytes() for path in paths}) == 1


def test_labels_may_be_words_and_may_lack(x: np.ndarray, tmp_path: Path) -> None:
    """However a table says so; the numbers are those of labels that are numbers, -1 for none."""
    words = pd.Series(np.where(x[:, 0] > 20, "high", "low")).mask(np.arange(300) < 40)
    numbers = np.where(words.isna(), -1, words == "low")
    columns = {"none": words.where(words.notna(), None), "nan": words, "category": words.astype("category")}
    columns |= {"own": words.astype("string"), "numbers": numbers}
    values = [
        bench.run("pca", {name: (x, column)}, 1, results=tmp_path, **REQUEST).set_index("metric").value.dropna()
        for name, column in columns.items()
    ]
    assert "probe_accuracy" in values[0]
    assert all(each.to_dict() == values[0].to_dict() for each in values)


def test_numbers_of_numpy_and_half_precision_are_taken(x: np.ndarray, tmp_path: Path) -> None:
    half = torch.from_numpy(x).bfloat16()
    keys = {"set": {"topk.k": np.array([1, 2]), "topk.n_latents": np.int64(8)}, "results": tmp_path}
    table = bench.run("topk", {"half": half}, np.arange(2), **keys, **REQUEST)
    same = bench.run(
        "topk", {"half": half.float()}, 2, set={"topk.k": [1, 2], "topk.n_latents": 8}, results=tmp_path, **REQUEST
    )
    pd.testing.assert_frame_equal(table, same)


def test_arrays_may_come_as_in_an_npz_and_tables_in_types_of_pandas(
    x: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    table = pd.DataFrame(x.round()).astype({0: "Int64", 1: "Float64"})
    data = {
        "pair": (x.round(), labels),
        "named": {"x": x.round(), "labels": labels},
        "typed": (table, pd.Series(labels, dtype="Int64")),
        "mixed": (table.assign(**{"2": table[2] > 0}).drop(columns=2), labels),
    }
    runs = bench.run("pca", data, 1, results=tmp_path, **REQUEST)
    values = {name: runs[runs.dataset == name].set_index("metric").value.dropna().to_dict() for name in data}
    assert values["pair"] == values["named"] == values["typed"]
    assert "probe_accuracy" in values["mixed"]
    lacking = pd.Series(labels, dtype="Int64").mask(np.arange(300) < 40)
    assert len(bench.run("pca", {"lacking": (x, lacking)}, 1, results=tmp_path, **REQUEST).dropna(subset="value"))


def test_paths_devices_and_ranges_are_taken(x: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "mine.npy", x)
    monkeypatch.chdir(tmp_path)
    keys = {"results": tmp_path / "runs", "device": torch.device("cpu"), **REQUEST}
    grid = {"kmeans.n_latents": range(2, 4), "kmeans.samples": torch.tensor(1000)}
    table = bench.run("kmeans", Path("mine.npy"), 1, set=grid, **keys)
    assert table.run.nunique() == 2
    folder = tmp_path / "runs" / table.run[0]
    model = bench.load(folder, datasets=Path("mine.npy"), device=torch.device("cpu"))
    assert model.n_latents in (2, 3)
    one = bench.evaluate(model, (x, np.zeros(300, int)), metrics="fvu")
    assert one.value.item() == bench.evaluate(model, x, np.zeros(300, int), metrics="fvu").value.item()


def test_a_name_whose_array_was_refused_is_free(x: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(bench.BenchError, match="nan"):
        bench.run("mean", {"mine": np.where(x > 20, x, np.nan)}, 1, results=tmp_path, **REQUEST)
    assert len(bench.run("mean", {"mine": x}, 1, results=tmp_path, **REQUEST))


def test_a_run_that_fails_is_a_row_that_says_why(tmp_path: Path) -> None:
    loss = "total = self.bias.square().sum() / (progress < 0.5)"
    (tmp_path / "bad.py").write_text(MODEL.format(name="Bad", loss=loss, more=""), encoding="utf-8")
    table = bench.run(f"mean,{tmp_path / 'bad.py'}:Bad", seeds=1, results=tmp_path / "runs", **REQUEST)
    failed = table[table.status == "failed"]
    assert failed.metric.isna().all()
    assert failed.value.isna().all()
    assert failed.reason.item().startswith("The loss became nan at step 11")
    assert (table[table.model == "mean"].status == "done").all()


def test_the_caller_keeps_his_random_numbers_and_threads(x: np.ndarray, tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    bench.run("relu", {"mine": x}, 1, results=tmp_path, **REQUEST)
    assert torch.equal(torch.rand(2), expected)
    assert torch.get_num_threads() == 1
    assert torch.tensor(1e-40) * 1 != 0


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"models": "topkk"}, "Did you mean 'topk'"),
        ({"models": [3]}, r"models = \[3\]: give a list of names"),
        ({"seeds": 0}, "at least 1"),
        ({"budget": "huge"}, "valid: smoke, quick, full"),
        ({"set": {"topk.kk": 3}}, "Did you mean 'k'"),
        ({"metrics": "fvuu"}, "Did you mean 'fvu'"),
        ({"device": "tpu"}, "auto, cpu, cuda"),
        ({"workers": 0}, "1 or more"),
        ({"sett": {}}, "Did you mean 'set'"),
        ({"datasets": {"a/b": [[1.0]]}}, "no plain word"),
        ({"datasets": {"a": [[1.0], [1.0, 2.0]]}}, "'a' is no array"),
        ({"datasets": {"a": [object()]}}, "'a' is list of object; give numbers"),
        ({"datasets": {"a": pd.DataFrame({"p": [1.0], "q": ["no"]})}}, "'a' is DataFrame of object; .*table.columns."),
        ({"datasets": {3.5: [[1.0]]}}, "no plain word"),
        ({"datasets": np.zeros((50, 3))}, "give it a name, {'mine': x}"),
        ({"device": None}, "Unknown --device 'None'"),
        ({"workers": "2"}, "workers = '2': give a number of runs at a time, 1 or more"),
        ({"workers": True}, "workers = True: give a number"),
        ({"results": None}, "results = None: give the path of a folder"),
        ({"data_dir": 3}, "data_dir = 3: give the path"),
        ({"models": Path("none.py:Mine")}, "none.py"),
        ({"set": {"topk.k": (4, 8)}}, r"a grid is a list, \[4, 8\]"),
        ({"set": {"topk": {"k": 4}}}, "write topk.k: VALUE"),
        ({"datasets": {"a": np.ma.masked_less(np.eye(9), 1)}}, "'a' is no array: it has a mask over 72"),
        ({"datasets": {"a": csr_array(np.eye(9))}}, r"it is a sparse csr_array; give it.toarray\(\)"),
        ({"datasets": {"a": (np.eye(9), np.arange(9) / 2)}}, "has 0.5, and classes are whole numbers or words"),
        ({"datasets": {"a": np.full((50, 3), np.nan)}}, "a.npz. has nan at row 0, column 0"),
        ({"datasets": {}}, "name at least one"),
    ],
)
def test_what_cannot_be_carried_out_is_said_and_nothing_runs(tmp_path: Path, keys: dict, words: str) -> None:
    with pytest.raises(bench.BenchError, match=words):
        bench.run(**{"models": "topk", "seeds": 1, "results": tmp_path, "verbose": False, "budget": "smoke", **keys})
    assert not list(tmp_path.glob("*/record.json"))


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    for ask in (bench.results, bench.leaderboard):
        with pytest.raises(bench.BenchError, match="No records that can be read"):
            ask(tmp_path)


@pytest.mark.parametrize(
    ("backbone", "options", "words"),
    [
        (torch.nn.Linear(2, 2), {}, "backbone is Linear: name what makes it"),
        ("./net.py:network", {"pooling": "mean"}, "Unknown option of bench.extract 'pooling'. Did you mean 'pool'?"),
        ("./net.py:network", {"limit": 0}, "limit = 0: give a number of samples, 1 or more"),
    ],
)
def test_what_cannot_be_extracted_is_said(tmp_path: Path, backbone: object, options: dict, words: str) -> None:
    with pytest.raises(bench.BenchError, match=re.escape(words)):
        bench.extract(backbone, "digits", "1", tmp_path / "acts", **options)
    assert not list(tmp_path.iterdir())


def test_data_that_change_are_read_again(tmp_path: Path) -> None:
    """In one process, too: a run has the numbers of the content that its id names, and so has an evaluation."""
    keys = {"seeds": 1, "budget": "smoke", "metrics": "fvu", "results": tmp_path / "runs", "verbose": False}
    file, x = tmp_path / "x.npy", np.random.default_rng(0).standard_normal((200, 8))
    np.save(file, x)
    before = bench.run("mean", str(file), **keys)
    np.save(file, x.cumsum(1))
    after = bench.run("mean", str(file), **keys)
    assert before.run[0] != after.run[0]
    assert before.value[0] != after.value[0]
    model = bench.load(after.run[0], tmp_path / "runs", datasets=str(file))
    assert bench.evaluate(model, str(file), metrics="fvu").value[0] == pytest.approx(after.value[0])
