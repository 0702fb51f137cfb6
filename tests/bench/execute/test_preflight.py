"""Before any training: what a batch through a model finds, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.errors import BenchError
from bench.execute.dispatch import Inline
from tests.bench.execute.helpers import LOSS, job, make, plugin

BLOBS = """
import torch
from bench.datasets.base import Dataset, DatasetSource, Split
class Blobs(DatasetSource):
    def checksum(self, data_dir):
        return "blobs"
    def load(self, data_dir):
        labels = torch.full((300,), -1)
        labels[:{n_labelled}] = torch.arange({n_labelled}) % 2
        split = Split(torch.rand(300, 4), labels)
        return Dataset(split, split, split, image_shape=(4,), class_names=("a", "b"))
"""

HIDING = """def __init__(self, config, n_features):
        super().__init__(config, n_features)
        self.bias, self.parts = torch.nn.Parameter(torch.zeros(n_features)), [torch.nn.Linear(2, 2)]
"""


def blobs(folder: Path, n_labelled: int) -> str:
    """The reference of a data set in a file, of whose samples only the first few have a class."""
    (folder / "blobs.py").write_text(BLOBS.format(n_labelled=n_labelled), encoding="utf-8")
    return f"{folder / 'blobs.py'}:Blobs"


def refusal(root: Path, *metrics: str, **keys: object) -> str:
    """What is said of runs that are refused; "" where they are not."""
    plan = make(root, **keys)
    try:
        Inline().require(plan.specs, job(root, metrics=metrics or ("all",)))
    except BenchError as error:
        return str(error)
    return ""


NORM = """def __init__(self, config, n_features):
        super().__init__(config, n_features)
        self.bias, self.norm = torch.nn.Parameter(torch.zeros(n_features)), torch.nn.BatchNorm1d(n_features)
"""


@pytest.mark.parametrize(
    ("size", "budget", "refused"), [(1256, "quick", True), (1255, "quick", False), (2, "smoke", False)]
)
def test_a_last_batch_of_one_sample_is_tried_where_a_run_comes_to_it(
    tmp_path: Path, size: int, budget: str, refused: bool
) -> None:
    """Of 1,257 samples; the smoke budget ends before."""
    reference = plugin(tmp_path, "total = (self.norm(x) + self.bias).square().sum()", more=NORM)
    said = refusal(tmp_path, "fvu", models=reference, budget=budget, set={"batch_size": size})
    assert ("batches of 1,256 leave one over, another batch_size may not. 'norm' is a batch normal" in said) == refused
    assert bool(said) == refused


@pytest.mark.parametrize(
    ("loss", "more", "words"),
    [
        ("raise RuntimeError('out of ideas')", "", "RuntimeError: out of ideas (line 11 of mine.py)"),
        ("raise SystemExit(3)", "", "SystemExit: 3"),
        ("return self.bias.sum()", "", "loss() returns Tensor; expected models.base.Losses"),
        ("total = self.bias.sum() / 0", "", "the total is nan; expected a finite number"),
        (LOSS, "def prepare(self, x, labels): x.mul_(2)", "changes x in place"),
        (LOSS, "def after_step(self): raise KeyError('lr')", "KeyError: 'lr'"),
        (LOSS, "def encode(self, x): return x", "encode() returns Tensor; expected models.base.DenseCodes"),
        (LOSS, "def encode(self, x): return DenseCodes(x + torch.rand(1))", "codes of a second call differ by up to"),
        (
            LOSS,
            HIDING,
            "parts holds modules that torch does not see, so that they are never trained: use nn.ModuleList",
        ),
        (LOSS, "def encode(self, x): return DenseCodes(x.mul_(1))", "encode() changes x in place"),
        (LOSS, "def decode(self, codes): return codes.dense()[:, :1]", "decode() has the shape (20, 1); expected (20,"),
        (LOSS, "def decode(self, codes): return 1 / 0", "ZeroDivisionError: division by zero (line 17 of mine.py)"),
        (LOSS, "def atoms(self): raise RuntimeError('no')", "RuntimeError: no"),
        (LOSS, "def sample(self, x): return DenseCodes(x[:, :3])", "z of sample() has the shape (20, 3)"),
    ],
)
def test_what_is_wrong_with_a_model_is_said_before_its_training(
    tmp_path: Path, loss: str, more: str, words: str
) -> None:
    reference = plugin(tmp_path, loss, more=more)
    said = refusal(tmp_path, models=reference)
    assert words in said
    assert said.startswith(f"The model 'Mine' of {tmp_path / 'mine.py'} cannot run on 'digits': ")
    assert f"`python -m bench check {reference}` tells all" in said
    assert said.count("cannot run") == 1, "once, whatever the number of seeds"


def test_what_no_metric_asks_for_is_not_tried(tmp_path: Path) -> None:
    reference = plugin(tmp_path, more="def atoms(self): raise RuntimeError('no')")
    assert "RuntimeError: no" in refusal(tmp_path, "fvu", "coherence", models=reference)
    assert refusal(tmp_path, "fvu", models=reference) == ""


def test_all_that_cannot_run_is_named_at_once(tmp_path: Path) -> None:
    bad = [plugin(tmp_path, f"raise RuntimeError('{name}')", name) for name in ("First", "Second")]
    said = refusal(tmp_path, "fvu", models=",".join(["topk", *bad]), seeds="3").splitlines()
    assert [line.partition(": ")[2].partition(" (")[0] for line in said[:2]] == [
        *("RuntimeError: First", "RuntimeError: Second"),
    ]
    assert said[2:] == ["Nothing was started."]


def test_a_model_that_does_not_apply_to_the_data_stops_no_other(tmp_path: Path) -> None:
    assert refusal(tmp_path, "fvu", models="vsc,vsc-aligned", datasets=blobs(tmp_path, 0)) == ""


def test_what_only_the_whole_split_has_is_looked_for_there(tmp_path: Path) -> None:
    assert refusal(tmp_path, "fvu", models="vsc-aligned", datasets=blobs(tmp_path, 4)) == ""
    greedy = plugin(tmp_path, more="def prepare(self, x, labels): assert len(x) > 1000")
    assert refusal(tmp_path, "fvu", models=greedy) == ""


def test_no_stream_of_random_numbers_is_touched(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    assert refusal(tmp_path, "fvu", "selection_agreement", models="vsc") == ""
    assert torch.equal(torch.get_rng_state(), before)
