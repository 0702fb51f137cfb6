"""How much of a machine is ours: what a process is bound to, what its container may use, what the user asks for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.execute import machine
from bench.execute.machine import memory_gib, n_at_a_time, n_cores, n_threads


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 64 cores and 256 GiB without limits, and where they would be."""
    monkeypatch.setattr(machine, "GROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PAGE_SIZE": 2**12, "SC_PHYS_PAGES": 2**26}[name])
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return tmp_path


def test_a_container_may_use_less_than_there_is(large: Path) -> None:
    assert (n_cores(), memory_gib()) == (64, 256)
    for cpu, memory, cores, gib in [
        ("max 100000\n", "max\n", 64, 256),
        ("350000 100000\n", "8589934592\n", 3, 8),
        ("50000 100000\n", "9223372036854771712\n", 1, 256),
        ("odd\n", "\n", 64, 256),
    ]:
        (large / "cpu.max").write_text(cpu, encoding="ascii")
        (large / "memory.max").write_text(memory, encoding="ascii")
        assert (n_cores(), memory_gib()) == (cores, gib)


@pytest.mark.parametrize(
    ("asked", "at_a_time", "of_two", "of_all"),
    [(None, 64, 32, 1), ("1", 64, 1, 1), ("4,2", 16, 4, 1), ("99", 1, 32, 1), ("many", 64, 32, 1)],
)
def test_threads_times_runs_are_the_cores(
    large: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None, at_a_time: int, of_two: int, of_all: int
) -> None:
    if asked:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert (n_at_a_time(), n_threads(2), n_threads(64)) == (at_a_time, of_two, of_all)


def test_no_more_runs_at_a_time_than_memory_holds(large: Path) -> None:
    (large / "memory.max").write_text(str(9 * 2**30), encoding="ascii")
    assert n_at_a_time() == 4
    (large / "memory.max").write_text(str(2**30), encoding="ascii")
    assert n_at_a_time() == 1
