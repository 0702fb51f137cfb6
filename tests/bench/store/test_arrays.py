"""Arrays of strangers: no pickles, no bombs, no lies about their size."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bench.store import arrays
from bench.store.arrays import read_npz


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "arrays.npz"


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def archive(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)


def test_what_was_written_is_read(path: Path) -> None:
    values = {"a": np.arange(6.0).reshape(2, 3), "names": np.array(["x", "ÿ"]), "none": np.empty((0, 3))}
    np.savez_compressed(path, **values)
    read = read_npz(path)
    assert read.keys() == values.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(read[name], value)


def test_a_bomb_is_not_unpacked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "MOST_BYTES", 10_000)
    archive(path, bomb=npy(np.zeros(10_000)))
    assert path.stat().st_size < 1000
    with pytest.raises(ValueError, match="unpacks to 80,128 bytes, more than the 10,000 that are read"):
        read_npz(path)


def test_a_header_that_announces_more_than_there_is_allocates_nothing(path: Path) -> None:
    buffer = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    np.lib.format.write_array_header_1_0(buffer, header)
    archive(path, lie=buffer.getvalue() + bytes(80))
    with pytest.raises(ValueError, match=r"lie.npy announces the shape \(1000000000000,\) and holds less"):
        read_npz(path)


def test_objects_are_refused(path: Path) -> None:
    archive(path, objects=npy(np.array([{"a": 1}], dtype=object)))
    with pytest.raises(ValueError, match=r"objects.npy holds Python objects, which are not read"):
        read_npz(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip" * 100])
def test_damage_is_a_value_error(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError):  # noqa: PT011 - whatever numpy and zipfile say of it
        read_npz(path)


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(OSError, match="is not a regular file"):
        read_npz(path)


def test_what_is_not_there_is_said_to_be_so(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_npz(path)
