"""What took long is kept where that can be, and is made in any case."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.datasets import cache
from bench.datasets.cache import cache_folder, cached

ARRAYS = {"a": np.arange(3)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, and nothing that says to keep caches elsewhere."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def made() -> dict[str, np.ndarray]:
    return {"a": np.array(cached("name", "key", lambda: ARRAYS)["a"])}


def never() -> dict[str, np.ndarray]:
    pytest.fail("it is in the cache")


def test_what_is_kept_is_not_made_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert made()["a"].tolist() == [0, 1, 2]
    assert cached("name", "key", never)["a"].tolist() == [0, 1, 2]
    assert capsys.readouterr().err == ""
    (file,) = cache_folder().iterdir()
    file.write_bytes(b"damaged")
    assert made()["a"].tolist() == [0, 1, 2]
    assert cached("name", "key", never)["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME"])
def test_a_cache_that_cannot_be_written_is_said_before_the_work_and_lasts_for_the_command(
    variable: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # what is set by the command goes with the test
    monkeypatch.setenv(variable, "/dev/null")
    said: list[str] = []

    def make() -> dict[str, np.ndarray]:
        said.append(capsys.readouterr().err)
        return ARRAYS

    assert cached("name", "key", make)["a"].tolist() == [0, 1, 2]
    assert said == [
        "The cache folder cannot be written (Not a directory), so the next command makes again what this one makes. "
        "Set XDG_CACHE_HOME to a folder that can.\n"
    ]
    assert cached("name", "key", never)["a"].tolist() == [0, 1, 2]
    worker = "from bench.datasets.cache import cached; print(cached('name', 'key', lambda: 1 / 0)['a'].sum())"
    assert subprocess.run([sys.executable, "-c", worker], capture_output=True, text=True).stdout == "3\n"
    assert [path.name for path in home.iterdir()] == [Path(os.environ["XDG_CACHE_HOME"]).name]


@pytest.mark.parametrize("path", ["~/.cache/x", ""])
def test_without_a_home_nothing_is_left_in_the_working_directory(
    path: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere(name: str) -> Path:
        if path:
            return Path(path)
        raise RuntimeError("no home")

    work = home / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(cache, "user_cache_path", nowhere)
    monkeypatch.setattr("tempfile.mkdtemp", _refused)
    assert made()["a"].tolist() == [0, 1, 2]
    assert "cannot be written (there is no home folder)" in capsys.readouterr().err
    assert list(work.iterdir()) == []


def test_a_full_disk_costs_the_copy_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "savez", _refused)
    assert made()["a"].tolist() == [0, 1, 2]
    assert list(cache_folder().iterdir()) == []


def _refused(*arguments: object, **options: object) -> None:
    raise OSError(28, "No space left on device")
