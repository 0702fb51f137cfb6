"""Data that nobody expects, through the command: the right number, a reason, or one message before anything runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.store.record import Record
from bench.store.runs import RunStore
from tests.bench.cli.helpers import Said, bench

DATA = '''
import numpy as np, torch
from bench.datasets.base import Dataset, DatasetSource, Split

class Mine(DatasetSource):
    """Three clouds of ten values in [0, 1]."""
    def checksum(self, data_dir): return "1"
    def load(self, data_dir):
        labels = torch.arange(900) % 3
        x = torch.rand(900, 10, generator=torch.Generator().manual_seed(0)) / 2
        x[torch.arange(900), labels] += 0.5
        names = ("a", "b", "c")
        {body}
        parts = (slice(0, 300), slice(300, 600), slice(600, 900))
        return Dataset(*(Split(x[part], None if labels is None else labels[part]) for part in parts), (10,), names)
'''

CLASSES = ("--metrics", "fvu,psnr,neg_elbo,probe_accuracy,class_rates")


def run(folder: Path, body: str = "pass", models: str = "topk", *more: str) -> Said:
    """`bench run` on such data after a change to x, labels or names."""
    (folder / "mine.py").write_text(DATA.format(body=body), encoding="utf-8")
    arguments = ("--models", models, "--datasets", f"{folder}/mine.py:Mine", "--budget", "smoke", "--seeds", "1")
    return bench("run", *arguments, *(more or CLASSES), "--set", "n_latents=16", "--results", str(folder / "runs"))


def records(folder: Path) -> dict[str, Record]:
    return {record.spec.model: record for record in RunStore(folder / "runs").scan().records}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x[7, 3] = float('nan')", "train.x has nan at row 7, column 3"),
        ("x[301, 0] = float('inf')", "validation.x has inf at row 1, column 0"),
        ("x = x * 1e30", "more than 1e+15; scale it"),
        ("x = x * 0", "all 300 samples of train.x are the same"),
        ("labels[8] = 3", "3 class names for labels up to 3 (at row 8 of train)"),
        ("x = x.view(900, 2, 5)", "x has the shape (300, 2, 5); expected (N, D)"),
        ("labels = torch.eye(3)[labels]", "of one-hot rows, labels.argmax(1)"),
    ],
)
def test_unsound_data_are_one_message_and_nothing_runs(body: str, words: str, tmp_path: Path) -> None:
    done = run(tmp_path, body, "topk,mean")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: The data set 'Mine' of {tmp_path}/mine.py cannot be used: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count(words) == 1
    assert records(tmp_path) == {}


def test_values_beyond_0_1_are_refused_by_bernoulli_pixels_and_taken_by_gaussian_ones(tmp_path: Path) -> None:
    body = "x = 4 * x - 2; x[::300, 0] = 2; x[1::300, 0] = -2"
    done = run(tmp_path, body, "vae,vsc,topk")
    assert done.returncode == 2
    for model in ("vae", "vsc"):
        assert f"{model} n_latents=16 cannot run on Mine (train split): x goes from -2 to 2" in done.stderr
    assert "--set likelihood=gaussian" in done.stderr
    assert records(tmp_path) == {}
    done = run(tmp_path, body, "vae,vsc,topk", *CLASSES, "--set", "likelihood=gaussian")
    assert done.returncode == 0, done.stderr
    for record in records(tmp_path).values():
        assert "psnr" not in record.metrics
    assert "n/a" in done.stdout
    (folder,) = (tmp_path / "runs").glob("vae*")
    assert (
        "inputs go from -2 to 2: only pixels in [0, 1] have a peak of 1"
        in bench("show", folder.name, "--results", str(tmp_path / "runs")).stdout
    )


def test_labels_in_a_column_are_labels(tmp_path: Path) -> None:
    assert run(tmp_path, "labels = labels.double()[:, None].numpy()").returncode == 0
    column = records(tmp_path)["topk"].metrics
    (tmp_path / "plain").mkdir()
    assert run(tmp_path / "plain").returncode == 0
    assert column == records(tmp_path / "plain")["topk"].metrics
    assert column["probe_accuracy"] > 0.6


def test_a_quarter_without_labels_is_said_and_the_others_are_measured(tmp_path: Path) -> None:
    done = run(tmp_path, "labels = torch.where(torch.arange(900) % 4 > 0, labels, -1)", "topk,vsc-aligned")
    assert done.returncode == 0, done.stderr
    words = "samples that have a label: 225 of 300 tested, 225 of 300 in training"
    for record in records(tmp_path).values():
        assert record.metrics["probe_accuracy"] > 0.3
        assert words in record.notes[0]
    board = (tmp_path / "runs" / "leaderboard.md").read_text("utf-8")
    assert board.count(words) == 1, "of all rows at once"
    assert words in " ".join(done.stdout.split()), "below the printed board, too"
    assert words in bench("show", records(tmp_path)["topk"].run_id, "--results", str(tmp_path / "runs")).stdout


def test_a_model_of_classes_does_not_apply_to_data_without_any(tmp_path: Path) -> None:
    done = run(tmp_path, "labels, names = None, ()", "vsc-aligned,topk")
    assert done.returncode == 0, done.stdout + done.stderr
    reason = "none of the 300 training images has a class"
    assert f"n/a: labels: {reason}" in done.stdout
    record = records(tmp_path)["vsc-aligned"]
    assert (record.status, record.metrics) == ("done", {})
    assert reason in record.not_applicable
    runs = ("--results", str(tmp_path / "runs"))
    assert reason in (tmp_path / "runs" / "leaderboard.md").read_text("utf-8")
    assert bench("verify", *runs).returncode == 0
    again = bench("evaluate", "--metrics", "fvu,mse", "--datasets", f"{tmp_path}/mine.py:Mine", *runs)
    assert again.returncode == 0, again.stdout
    legend = RunStore(tmp_path / "runs").folder(record.run_id).legend()
    assert reason in legend.metrics["mse"].not_applicable
    drawn = bench("figures", record.run_id, *runs)
    assert (drawn.returncode, f"has nothing to draw: labels: {reason}" in drawn.stderr) == (2, True)


@pytest.mark.parametrize("cache", ["/dev/null", ""])
def test_own_data_need_no_cache(cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be written, or none: no HOME, of a user whom the machine does not know."""
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    monkeypatch.delenv("HOME")
    np.save(tmp_path / "acts.npy", np.random.default_rng(0).random((60, 5)))
    flags = ("--models", "mean", "--budget", "smoke", "--seeds", "1", "--metrics", "fvu")
    env = {"XDG_CACHE_HOME": cache}
    done = bench("run", *flags, "--datasets", "acts.npy", "--results", "runs", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    (record,) = records(tmp_path).values()
    assert record.metrics["fvu"] == pytest.approx(1, abs=0.5)
    assert {path.name for path in tmp_path.iterdir()} == {"acts.npy", "runs"}, "nothing else is left behind"
