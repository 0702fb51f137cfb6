"""How far a checkpoint is, read without torch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from bench.store.progress import note_progress, read_progress


@pytest.mark.parametrize(("progress", "read"), [(0.0, 0.0), (0.40004, 0.4), (0.99999, 1.0)])
def test_a_checkpoint_says_how_far_it_is_and_is_still_one(tmp_path: Path, progress: float, read: float) -> None:
    path = tmp_path / "checkpoint.pt"
    content = {"model": torch.arange(1000.0), "step": 7}
    torch.save(content, path)
    assert read_progress(path) is None
    note_progress(path, progress)
    assert read_progress(path) == read
    again = torch.load(path, weights_only=True)
    assert torch.equal(again["model"], content["model"])
    assert again["step"] == 7


def test_what_is_no_checkpoint_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    assert read_progress(path) is None
    for content in (b"", b"short", b"progress 7.0000", b"progress 0.4\x000"):
        path.write_bytes(content)
        assert read_progress(path) is None
    path.unlink()
    os.mkfifo(path)
    assert read_progress(path) is None, "a pipe is not waited for"
