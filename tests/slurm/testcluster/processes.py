"""The process table, read from /proc: whose slurmstepd is whose, and how to end a node's processes as one."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A row of the process table."""

    pid: int
    parent: int
    state: str
    started: str
    """In clock ticks since boot: with the pid, this names a process for good, where pids come round again."""

    @property
    def alive(self) -> bool:
        """Whether it still runs; a zombie, which waits for its parent to look, does not."""
        return self.state not in "ZX"


def read(pid: int) -> Process | None:
    """One process; None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name before it may hold spaces and brackets
    return Process(pid, int(fields[1]), fields[0], fields[19])


def table() -> dict[int, Process]:
    """Every process that is alive."""
    found = (read(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit())
    return {process.pid: process for process in found if process and process.alive}


def of_cluster(root: Path, node: str | None = None, also: frozenset[int] = frozenset()) -> set[int]:
    """The slurmstepd of a cluster, or of one of its nodes, with the jobs below them and what is below `also`.

    A slurmstepd is no child of its slurmd, its title names neither cluster nor node, and it writes over its
    environment; it is known by the log of its slurmd, which it holds open. A job's process that has left its family is
    known by its environment.
    """
    rows = table()
    found = {pid for pid in rows if pid in also or _is_step(pid, root, node) or _is_of_job(pid, root, node)}
    while children := {pid for pid, row in rows.items() if row.parent in found} - found:
        found |= children
    return found - {os.getpid()}


def kill(root: Path, node: str | None = None, also: frozenset[int] = frozenset()) -> None:
    """End those processes at once. First all are stopped, so that none acts on, or flees from, the death of another."""
    stopped: set[int] = set()
    while new := of_cluster(root, node, also) - stopped:
        for pid in new:
            send(pid, signal.SIGSTOP)
        stopped |= new
    for pid in stopped:
        send(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any((row := read(pid)) and row.alive for pid in stopped) and time.monotonic() < deadline:
        time.sleep(0.01)


def send(pid: int, number: int) -> None:
    """Signal a process that may be gone by now."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_step(pid: int, root: Path, node: str | None) -> bool:
    try:
        if not Path(f"/proc/{pid}/exe").readlink().name.startswith("slurmstepd"):
            return False
        held = [path.readlink() for path in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:  # ended meanwhile, or a thread of the kernel
        return False
    return any(path.match(f"slurmd.{node or '*'}.log") and path.parent == root / "log" for path in held)


def _is_of_job(pid: int, root: Path, node: str | None) -> bool:
    """Whether its environment is one that a node of the cluster gave to a job."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    if f"SLURM_CONF={root}/etc/slurm.conf".encode() not in variables:
        return False
    names = [entry for entry in variables if entry.startswith(b"SLURMD_NODENAME=")]
    return bool(names) if node is None else f"SLURMD_NODENAME={node}".encode() in names
