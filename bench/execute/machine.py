"""How much of this machine a process may use, and how many runs at a time that is good for."""

from __future__ import annotations

import os
from pathlib import Path

from bench.errors import unknown

GROUP = Path("/sys/fs/cgroup")
"""Where a container finds its limits."""
WORKER_GIB = 2
"""Memory that a run on CPU is reckoned to take."""
RUNS_A_GPU = 3
"""Small runs at a time on one GPU."""
SMALL_BATCH = 2**22
"""Pre-activations of a batch up to which a run is small."""
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


def n_a_gpu(n_preactivations: int) -> int:
    """Runs that are best carried out at a time on one GPU, whose batches have up to N M pre-activations.

    Measured on an H100 at the papers' sizes, evaluation takes twice as long as training, and much of it on the CPU:
    while one run is trained two others are evaluated, on two cores each. A larger run keeps a GPU busy by itself.
    """
    return max(1, min(RUNS_A_GPU, n_cores() // 2)) if n_preactivations <= SMALL_BATCH else 1


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
