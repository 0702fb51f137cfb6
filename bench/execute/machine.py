"""How much of this machine a process may use, and how many runs at a time that is good for."""

from __future__ import annotations

import os
from pathlib import Path

from bench.errors import unknown

GROUP = Path("/sys/fs/cgroup")
"""Where a container finds its limits."""
WORKER_GIB = 2
"""Memory that a run on CPU is reckoned to take."""
DEVICES = ("auto", "cpu", "cuda")
"""What a run may be asked to compute on."""


def require_device(name: str) -> None:
    """BenchError for a device that there is not."""
    if name not in DEVICES:
        raise unknown("--device", name, DEVICES)


def n_cores() -> int:
    """Cores that this process may use: those that it is bound to, or its container's share of them."""
    bound = len(os.sched_getaffinity(0))
    quota, _, period = _limit("cpu.max").partition(" ")
    return max(1, min(bound, int(quota) // int(period))) if quota.isdecimal() else bound


def memory_gib() -> float:
    """Memory of the machine, or of the container."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _limit("memory.max")
    return (min(whole, int(limit)) if limit.isdecimal() else whole) / 2**30


def n_threads(n_runs: int) -> int:
    """Threads of each of some runs at a time: their share of the cores, and no more than OMP_NUM_THREADS."""
    share = max(1, n_cores() // n_runs)
    return min(share, _asked_for() or share)


def n_at_a_time() -> int:
    """Runs on CPU that are best carried out at a time: of one thread each, unless OMP_NUM_THREADS asks for more.

    Their models are small: threads wait for each other more than they compute.
    """
    return max(1, min(n_cores() // (_asked_for() or 1), int(memory_gib() // WORKER_GIB)))


def _asked_for() -> int | None:
    """OMP_NUM_THREADS, of whose list the first counts."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else None


def _limit(name: str) -> str:
    """A limit of the container as the kernel writes it; "" where there is none."""
    try:
        return (GROUP / name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
