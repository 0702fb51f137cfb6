"""Checkpoints of other libraries on the board, and runs as other libraries' folders."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bench.execute.build import load_data, load_trained, trusted_spec
from bench.plugins.registry import DATASET_REGISTRY
from bench.store.runs import RunStore
from models.exchange import read
from models.imported import Imported, ImportedPursuit
from tests.bench.cli.helpers import FEW, Said, bench
from tests.exchange.made import MADE

DATA = "acts.npy:normalise=rms"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with data, and runs of a sweep of two checkpoints, of another, and of models trained here."""
    root = tmp_path_factory.mktemp("exchange")
    rng = np.random.default_rng(0)
    np.save(root / "acts.npy", 3 + 2 * rng.standard_normal((300, 6)))
    np.save(root / "wide.npy", rng.standard_normal((300, 8)))
    for seed in range(2):
        shutil.copytree(MADE / "saelens-topk", root / "sweep" / f"seed_{seed}")
    weights = root / "sweep" / "seed_1" / "sae_weights.safetensors"
    save_file({name: 1.1 * tensor for name, tensor in load_file(weights).items()}, weights)
    shutil.copytree(MADE / "saelens-matching_pursuit", root / "theirs" / "mp")
    models = ["--models", "topk,mp,mean,sae:theirs/mp,sae:sweep/seed_*", "--set", "n_latents=16", "--set", "k=3"]
    done = bench("run", *models, "--datasets", DATA, "--seeds", "1", "--budget", "smoke", *FEW, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    (root / "said.txt").write_text(done.stdout)
    return root


def row(said: str, name: str) -> list[str]:
    return next(line.split() for line in said.splitlines() if line.startswith(name) and not line.startswith("sae_"))


def test_a_checkpoint_is_one_run_and_those_of_a_sweep_are_replicates(folder: Path) -> None:
    said = (folder / "said.txt").read_text()
    assert "6 runs = 3 models x 1 dataset x 1 seed + 3 checkpoints x 1 dataset" in said
    assert row(said, "sae:theirs/mp")[1] == "imported"
    assert row(said, "sae:sweep/seed_*")[1:3] == ["2", "imported"]
    assert row(said, "topk")[3] == "1/1"


def test_a_changed_checkpoint_makes_a_new_run(folder: Path, tmp_path: Path) -> None:
    command = ["run", "--datasets", DATA, "--budget", "smoke", "--dry-run", "--models"]
    root = tmp_path / "copy"
    shutil.copytree(folder, root)
    assert "nothing to do" in bench(*command, "sae:theirs/mp", cwd=root).stdout
    config = root / "theirs" / "mp" / "cfg.json"
    config.write_text(config.read_text().replace('"max_iterations": 3', '"max_iterations": 2'))
    said = bench(*command, "sae:theirs/mp", cwd=root).stdout
    assert "1 to run" in said


def test_metrics_are_computed_later_without_the_checkpoint(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(folder, root)
    shutil.rmtree(root / "theirs")
    done = bench("evaluate", "sae_theirs", "--metrics", "hoyer,fvu", "--datasets", DATA, cwd=root)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 run evaluated, 0 up to date, 0 failed.")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--datasets", "wide.npy"], "has the shape (240, 8); expected (N, 6)"),
        (["--datasets", DATA, "--set", "k=4"], "--set k: each of --models is trained already"),
        (["--datasets", DATA, "--set", "sae:theirs/mp.k=4"], "--set k: sae:theirs/mp is trained already"),
    ],
)
def test_what_does_not_fit_a_checkpoint_is_refused(folder: Path, options: list[str], words: str) -> None:
    done = bench("run", "--models", "sae:theirs/mp", "--budget", "smoke", *options, cwd=folder)
    assert done.returncode == 2
    assert words in done.stderr


def test_two_of_one_name_are_refused_together(folder: Path) -> None:
    shutil.copytree(folder / "theirs", folder / "other" / "theirs", dirs_exist_ok=True)
    done = bench("run", "--models", "sae:theirs/mp,sae:other/theirs/mp", "--datasets", DATA, cwd=folder)
    assert done.returncode == 2
    assert "Two models are called 'sae:theirs/mp'" in done.stderr


def test_replicates_are_of_one_recipe(folder: Path, tmp_path: Path) -> None:
    for name in ("saelens-topk", "saelens-jumprelu"):
        shutil.copytree(MADE / name, tmp_path / name)
    done = bench("run", "--models", f"sae:{tmp_path}/*", "--datasets", DATA, "--budget", "smoke", cwd=folder)
    assert done.returncode == 2
    assert "no replicates of one recipe: number 0 and number 1 have selection = jumprelu and topk" in done.stderr


def test_a_checkpoint_cannot_be_checked(folder: Path) -> None:
    done = bench("check", "sae:theirs/mp", cwd=folder)
    assert (done.returncode, "is trained already" in done.stderr) == (2, True)


def export(folder: Path, run: str, out: Path, *options: str) -> Said:
    return bench("export", run, "--out", str(out), "--datasets", DATA, *options, cwd=folder)


@pytest.mark.parametrize("model", ["topk", "mp"])
def test_an_export_takes_the_data_as_they_are(folder: Path, tmp_path: Path, model: str) -> None:
    done = export(folder, f"{model}-acts", tmp_path / "out", "--format", "torch")
    assert done.returncode == 0, done.stderr
    store = RunStore(folder / "results" / "runs")
    record = store.find(f"{model}-acts")
    plugin = DATASET_REGISTRY.find(f"{folder}/{DATA}")
    spec = trusted_spec(record.spec, [], [plugin])
    dataset = load_data(spec, folder)
    trained = load_trained(store.folder(record.run_id), spec, dataset)
    assert dataset.scaling is not None
    shift, scale = dataset.scaling.shift, dataset.scaling.scale
    checkpoint = read(tmp_path / "out")
    exported = (ImportedPursuit if model == "mp" else Imported)(checkpoint.config, 6)
    exported.load_state_dict(dict(checkpoint.tensors))
    codes, theirs = trained.encode(dataset.test.x), exported.encode(dataset.test.x / scale + shift)
    factor = scale if model == "mp" else 1.0
    torch.testing.assert_close(theirs.dense() * factor, codes.dense(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(exported.decode(theirs), trained.decode(codes) / scale + shift, rtol=1e-4, atol=1e-4)
    card = (tmp_path / "out" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    found = {"x": dataset.test.x / scale + shift}
    with contextlib.chdir(tmp_path / "out"):
        exec(code, found)
    torch.testing.assert_close(found["codes"], theirs.dense())
    assert f"| FVU | {record.metrics['fvu']:.4g} | lower |" in card
    assert "--datasets acts.npy:normalise=rms" in card
    assert ("divided by its scale" in card) == (model == "mp")


@pytest.mark.parametrize("form", ["torch", "saelens", "dictionary_learning", "sparsify"])
def test_an_export_comes_back_on_the_data_as_they_are_alone(folder: Path, tmp_path: Path, form: str) -> None:
    assert export(folder, "topk-acts", tmp_path / "out", "--format", form).returncode == 0
    fvu = RunStore(folder / "results" / "runs").find("topk-acts").metrics["fvu"]
    options = ["--models", f"sae:{tmp_path / 'out'}", "--budget", "smoke", *FEW, "--results", str(tmp_path / "runs")]
    refused = bench("run", *options, "--datasets", DATA, cwd=folder)
    assert refused.returncode == 2
    assert "takes the data as they are, and these are normalised (rms: " in refused.stderr
    assert f"Name them as {folder}/acts.npy:normalise=none" in refused.stderr
    assert bench("run", *options, "--datasets", "acts.npy:normalise=none", cwd=folder).returncode == 0
    (back,) = RunStore(tmp_path / "runs").scan().records
    assert back.metrics["fvu"] == pytest.approx(fvu, rel=1e-4)
    assert back.notes == []


def test_that_the_scale_of_a_checkpoint_is_not_known_is_said(folder: Path, tmp_path: Path) -> None:
    words = "whether this checkpoint was trained on inputs that were normalised alike is not known"
    board = (folder / "results" / "runs" / "leaderboard.md").read_text()
    (line,) = (line for line in board.splitlines() if words in line)
    assert "sae:theirs/mp" in line
    assert "topk" not in line
    store = RunStore(folder / "results" / "runs")
    assert any(words in note for note in store.find("sae_theirs").notes)
    assert not any(words in note for note in store.find("topk-acts").notes)
    root = tmp_path / "copy"
    shutil.copytree(folder, root)
    assert bench("evaluate", "sae_theirs", "--metrics", "hoyer", "--datasets", DATA, cwd=root).returncode == 0
    assert any(words in note for note in RunStore(root / "results" / "runs").find("sae_theirs").notes)


def test_the_layout_of_a_hub(folder: Path, tmp_path: Path) -> None:
    done = export(folder, "topk-acts", tmp_path / "out", "--format", "saelens", "--hub-layout")
    assert "huggingface-cli upload USER/NAME" in done.stdout
    files = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert files == ["README.md", "topk/cfg.json", "topk/sae_weights.safetensors"]


@pytest.mark.parametrize(
    ("run", "options", "words"),
    [
        ("mean-acts", ["--format", "torch"], "mean cannot be exported: no other library knows how it encodes"),
        (
            "mp-acts",
            ["--format", "sparsify"],
            "sparsify has TopK alone, not pursuit; write the format saelens or torch",
        ),
        ("mp-acts", ["--format", "sparsfy"], "Did you mean 'sparsify'?"),
        ("mp-acts", ["--format", "overcomplete"], "Unknown --format 'overcomplete'"),
        ("mq-acts", ["--format", "torch"], "Unknown run 'mq-acts'"),
    ],
)
def test_what_cannot_be_exported_leaves_nothing(
    folder: Path, tmp_path: Path, run: str, options: list[str], words: str
) -> None:
    done = export(folder, run, tmp_path / "out", *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").touch()
    done = export(folder, "topk-acts", tmp_path, "--format", "torch")
    assert (done.returncode, "is no empty folder" in done.stderr) == (2, True)


def test_a_link_is_refused_before_any_work(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    done = export(folder, "topk-acts", tmp_path / "link", "--format", "torch")
    assert (done.returncode, "--out '" in done.stderr) == (2, True)
    assert "is there already, and is no empty folder" in done.stderr
