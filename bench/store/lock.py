"""The lock of a run: of all processes that share a file system, one writes the run.

The lock is a file that names its owner, who writes to it every few seconds. An owner that is dead (a process of this
machine), or silent for a minute (of another), loses the lock to whoever asks next; it looks before it writes, and so
finds out. Only exclusive creation and renaming are asked of the file system, which NFS has as well.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from bench.store.files import read_regular

MOST_BYTES = 2**16
LENGTH = 2**10
"""Bytes of a lock, filled up with blanks: a beat of another length would show its readers half of it."""
BEAT_SECONDS = 10.0
STALE_SECONDS = 60.0
"""Silence after which an owner on another machine counts as dead: six beats."""
SETTLE_SECONDS = 0.5
"""Of two processes that take over one lock at once, each sees after this time whether the other came last."""


class LockLostError(Exception):
    """Another process has taken the lock over: this one may not write."""


@dataclass
class Owner:
    """Who holds a lock."""

    host: str
    """Name of the machine."""
    machine: str
    """What tells two boots and containers apart; "" where the system does not say."""
    pid: int
    """The process."""
    process_start: str
    """When it started, on the kernel's clock."""
    job: str
    """Job of a cluster that it belongs to; "" for none."""
    since: float
    """When it acquired the lock, in seconds since 1970."""
    first: float = 0.0
    """How far its run was then, in [0, 1]."""
    progress: float = 0.0
    """How far it is now."""


class Lock:
    """A lock that this process has acquired: `acquire` makes it, `release` ends it.

    Attributes
    ----------
    owner : Owner
        This process; its `progress` is written with the next beat.
    lost : bool
        Whether another process has taken the lock over, as of the last beat.
    """

    def __init__(self, path: Path, file: int, owner: Owner) -> None:
        self.path, self.owner, self.lost = path, owner, False
        self._file = file
        self._noted = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat_until_ended, daemon=True)
        self._thread.start()

    def note(self, progress: float) -> None:
        """Tell the others, with the next beat, how far the run is."""
        if not self._noted:
            self.owner.first, self._noted = progress, True
        self.owner.progress = progress

    def require(self) -> None:
        """LockLostError where the lock is another's by now. OSError where the file system does not say."""
        for last in (False, False, True):
            try:
                self.lost = self.lost or not _is_at(self._file, self.path)
                break
            except OSError:
                if last:
                    raise
                time.sleep(SETTLE_SECONDS)
        if self.lost:
            raise LockLostError(f"'{self.path}' was taken over by {describe(read_owner(self.path))}")

    def release(self) -> None:
        """Give the lock back, unless it is another's by now."""
        self._ended.set()
        self._thread.join()
        with suppress(OSError):  # it is stale as soon as this process ends
            if _is_at(self._file, self.path):
                self.path.unlink(missing_ok=True)
        os.close(self._file)

    def _beat_until_ended(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            with suppress(LockLostError, OSError):  # a full disk costs a beat, not the run
                self.require()
                _write(self._file, self.owner)


def acquire(path: Path, job: str = "", seize: bool = False) -> Lock | None:
    """Take the lock at `path`, whose folder exists; None where a living process has it, unless it is to be seized.

    `job` is shown to others.
    """
    owner = Owner(socket.gethostname(), _machine(), os.getpid(), _process_start(os.getpid()), job, time.time())
    try:
        file = _create(path, owner)
    except FileExistsError:
        if not (seize or is_stale(path)):
            return None
        own = path.with_name(f".{uuid.uuid4().hex}.lock")
        file = _create(own, owner)
        own.replace(path)
        time.sleep(SETTLE_SECONDS)
        if not _is_at(file, path):
            os.close(file)
            return None
    return Lock(path, file, owner)


def is_stale(path: Path) -> bool:
    """Whether the owner of the lock at `path` is gone: dead, or silent for too long. True where there is no lock."""
    owner = read_owner(path)
    if owner and owner.machine and owner.machine == _machine():
        alive = _is_alive(owner)
        if alive is not None:
            return not alive
    try:
        return _file_system_now(path.parent) - path.stat().st_mtime > STALE_SECONDS
    except FileNotFoundError:
        return True


def living_owner(path: Path) -> Owner | None:
    """Who holds the lock at `path`, and lives; None where there is nobody."""
    owner = read_owner(path)
    return owner if owner and not is_stale(path) else None


def read_owner(path: Path) -> Owner | None:
    """Who holds the lock at `path`; None where nobody does, or the file is no lock of this format."""
    try:
        return Owner(**json.loads(read_regular(path, MOST_BYTES)))
    except (OSError, ValueError, TypeError):
        return None


def describe(owner: Owner | None) -> str:
    """'process 12 on node3 (job 7_1)'."""
    if owner is None:
        return "another process"
    return f"process {owner.pid} on {owner.host}" + (f" (job {owner.job})" if owner.job else "")


def _create(path: Path, owner: Owner) -> int:
    """A new file that names the owner, open. FileExistsError where there is one; none is left by a full disk."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _write(file, owner)
    except OSError:
        os.close(file)
        path.unlink(missing_ok=True)
        raise
    return file


def _write(file: int, owner: Owner) -> None:
    os.pwrite(file, json.dumps(asdict(owner)).encode().ljust(LENGTH), 0)


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is the one at `path`; it is opened, since NFS caches what a mere look says.

    OSError where the file system does not say.
    """
    try:
        there = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe in its place would be waited for
    except FileNotFoundError:
        return False
    try:
        return os.path.sameopenfile(file, there)
    except OSError as error:
        if error.errno == errno.ESTALE:  # NFS: the file is gone
            return False
        raise
    finally:
        os.close(there)


def _file_system_now(folder: Path) -> float:
    """The time on the file system's own clock, which may not be this machine's; this one's where one may only read."""
    probe = folder / f".{uuid.uuid4().hex}.probe"
    try:
        probe.write_bytes(b"")
        now = probe.stat().st_mtime
        probe.unlink()
    except OSError:
        return time.time()
    return now


@cache
def _machine() -> str:
    """What two processes have in common if one can see by its id whether the other lives: boot and id namespace.

    Empty where the system does not tell (not Linux): then only silence counts.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _is_alive(owner: Owner) -> bool | None:
    """Whether an owner on this machine lives; None where another user's processes are hidden."""
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        if not Path(f"/proc/{owner.pid}").exists():
            return None
    return _process_start(owner.pid) == owner.process_start


def _process_start(pid: int) -> str:
    """When a process of this machine started, on the kernel's clock: an id may be used again. Empty for a dead one."""
    try:
        # Behind the name, which may hold spaces and parentheses: the state, 18 other fields, the start.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except OSError:
        return ""
