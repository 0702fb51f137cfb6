"""Locks: one owner, taken over from the dead and the silent, noticed by whoever lost one."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bench.store import lock as locks
from bench.store.lock import Lock, LockLostError, acquire, is_stale, read_owner


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def held(path: Path, job: str = "") -> Lock:
    lock = acquire(path, job)
    assert lock is not None
    return lock


def leave_lock(path: Path, *, silent_for: float, **changes: object) -> None:
    """What an owner on another machine left behind, that long ago."""
    lock = held(path)
    lock._ended.set()
    owner = json.loads(path.read_text(encoding="utf-8")) | {"machine": "another", **changes}
    path.write_text(json.dumps(owner), encoding="utf-8")
    then = time.time() - silent_for
    os.utime(path, (then, then))


def test_one_owner_at_a_time(path: Path) -> None:
    first = held(path, job="7_1")
    assert acquire(path) is None
    owner = read_owner(path)
    assert owner is not None
    assert (owner.pid, owner.job) == (os.getpid(), "7_1")
    first.release()
    assert not path.exists()
    held(path).release()


def test_a_killed_owner_of_this_machine_loses_it_at_once(path: Path) -> None:
    code = f"import time; from pathlib import Path; from bench.store.lock import acquire; acquire(Path({str(path)!r}))"
    code += "; print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert acquire(path) is None
        process.kill()
    held(path).release()


def test_a_process_that_got_the_id_of_a_dead_owner_is_not_the_owner(path: Path) -> None:
    leave_lock(path, silent_for=0, machine=locks._machine(), process_start="1")
    assert is_stale(path)


@pytest.mark.parametrize(("seconds", "stale"), [(0, False), (50, False), (70, True)])
def test_an_owner_on_another_machine_loses_it_by_silence(path: Path, seconds: float, stale: bool) -> None:
    leave_lock(path, silent_for=seconds)
    assert is_stale(path) == stale
    taken = acquire(path)
    assert (taken is not None) == stale
    if taken:
        taken.release()


def test_who_lost_it_notices_and_leaves_the_new_owner_alone(path: Path) -> None:
    slow = held(path)
    then = time.time() - 2 * locks.STALE_SECONDS
    owner = json.loads(path.read_text(encoding="utf-8")) | {"machine": "another"}
    path.write_text(json.dumps(owner), encoding="utf-8")
    os.utime(path, (then, then))
    fast = held(path, job="new")
    with pytest.raises(LockLostError, match="job new"):
        slow.require()
    assert slow.lost
    slow.release()
    fast.require()
    fast.release()


def test_beats_show_progress_and_life(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.05)
    lock = held(path)
    os.utime(path, (0, 0))
    lock.owner.progress = 0.5
    deadline = time.monotonic() + 10
    while (owner := read_owner(path)) and owner.progress != 0.5 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert owner is not None
    assert owner.progress == 0.5
    assert time.time() - path.stat().st_mtime < 10
    lock.release()


def test_a_reader_never_sees_half_a_beat(path: Path) -> None:
    lock = held(path)
    ended = threading.Event()

    def beat() -> None:
        for progress in itertools.cycle((0.5, 0.123456789012345)):
            lock.owner.progress = progress
            locks._write(lock._file, lock.owner)
            if ended.is_set():
                break

    writer = threading.Thread(target=beat)
    writer.start()
    owners = [read_owner(path) for _ in range(20_000)]
    ended.set()
    writer.join()
    lock.release()
    assert None not in owners


def test_an_error_of_the_file_system_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = held(path)
    real, errors = os.open, [OSError(5, "Input/output error")]

    def failing(*arguments: Any, **others: Any) -> int:
        if errors:
            raise errors.pop()
        return real(*arguments, **others)

    monkeypatch.setattr(locks, "SETTLE_SECONDS", 0.01)
    monkeypatch.setattr(locks.os, "open", failing)
    lock.require()
    assert not errors
    assert not lock.lost
    errors.extend(OSError(5, "Input/output error") for _ in range(3))
    with pytest.raises(OSError, match="Input/output"):
        lock.require()
    assert not lock.lost
    lock.release()
    assert not path.exists()


def test_an_owner_whose_process_is_hidden_counts_by_its_silence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = held(path)

    def forbidden(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(locks.os, "kill", forbidden)
    monkeypatch.setattr(locks, "_process_start", lambda pid: "")
    monkeypatch.setattr(locks.Path, "exists", lambda path: False)
    assert not is_stale(path)
    os.utime(path, (0, 0))
    assert is_stale(path)
    lock.release()


def test_a_removed_lock_is_lost(path: Path) -> None:
    lock = held(path)
    path.unlink()
    with pytest.raises(LockLostError):
        lock.require()
    lock.release()


@pytest.mark.parametrize("content", ["", "4711", "{}", "null", '{"host": 3}'])
def test_a_file_of_another_format_counts_by_its_age(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")
    assert acquire(path) is None
    os.utime(path, (0, 0))
    held(path).release()


def _take(path: Path, start: float, won: multiprocessing.SimpleQueue[int]) -> None:
    time.sleep(max(0.0, start - time.time()))
    if acquire(path) is not None:
        won.put(os.getpid())
        time.sleep(3)


def test_of_many_that_take_over_at_once_one_wins(path: Path) -> None:
    leave_lock(path, silent_for=100)
    context = multiprocessing.get_context("spawn")
    won: multiprocessing.SimpleQueue[int] = context.SimpleQueue()
    start = time.time() + 2
    crowd = [context.Process(target=_take, args=(path, start, won)) for _ in range(6)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join()
    winners = []
    while not won.empty():
        winners.append(won.get())
    assert len(winners) == 1
