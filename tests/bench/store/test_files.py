"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.store.files import expanded, require_new, require_writable, sweep, whole_folder, write_atomically, write_text


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")

    def write(temporary: Path) -> None:
        temporary.write_text("ne", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
        assert temporary.parent == path.parent
        temporary.write_text("new", encoding="utf-8")

    write_atomically(path, write)
    assert path.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_write_that_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def write(temporary: Path) -> None:
        temporary.write_text("half", encoding="utf-8")
        raise error

    with pytest.raises(error):
        write_atomically(tmp_path / "file", write)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_says_who_may_read_a_file_whoever_writes_it(tmp_path: Path, umask: int, mode: int) -> None:
    def write(temporary: Path) -> None:
        temporary.unlink()
        temporary.touch(0o600)

    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", write)
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_a_path_begins_at_home_as_in_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert [str(expanded(Path(path))) for path in ("~/runs", "~", "a/~b", "/x")] == [
        "/home/me/runs", "/home/me", "a/~b", "/x"
    ]  # fmt: skip
    with pytest.raises(BenchError, match=r"no home folder that '~nobody-here' means"):
        expanded(Path("~nobody-here/runs"))


def test_text_is_utf_8(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "ü\n")
    assert (tmp_path / "file").read_bytes() == b"\xc3\xbc\n"


def test_what_was_being_written_is_swept_up_and_nothing_else(tmp_path: Path) -> None:
    kept = [tmp_path / name for name in ("file", ".hidden", ".1.other", "x.1.file")]
    gone = [tmp_path / name for name in (".1.file", ".abc.file")]
    for path in [*kept, *gone]:
        path.write_bytes(b"")
    sweep(tmp_path / "file")
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(FileNotFoundError), whole_folder(tmp_path / "out", "--out") as whole:
        (whole / "half").rename(whole / "absent")
    assert list(tmp_path.rglob("*")) == [tmp_path / "out"]
    with whole_folder(tmp_path / "out", "--out") as whole:
        (whole / "all").touch()
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "out", tmp_path / "out" / "all"]
    with pytest.raises(BenchError, match=r"--out '.*/out' is there already, and is no empty folder; name a new one"):
        require_new(tmp_path / "out", "--out")
    with pytest.raises(BenchError, match="Name another with --into DIR"), whole_folder(Path("/proc/no/x"), "--into"):
        pass


def test_threads_may_try_one_folder_at_a_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: require_writable(tmp_path, "--results"), range(400)))
    assert not list(tmp_path.iterdir())
