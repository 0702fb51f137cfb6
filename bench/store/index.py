"""An index of a results folder: the text of its records in one file, so that only those that changed are read again.

It is no more than a copy: without it, or where it is damaged or of other code, all records are read, and it is made
anew. An entry holds for the very file that it was taken from, unchanged since: the same inode, size and times.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from functools import cache
from pathlib import Path

import pydantic

NAME = "records.index"

State = tuple[int, int, int, int]

COARSEST_CLOCK = 2 * 10**9
"""Nanoseconds between the times that a file system tells apart, at most."""


def state_of(status: os.stat_result) -> State:
    """What changes when a file is replaced or written to."""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class Index:
    """What the last reader of a folder left, and what this one will leave.

    Attributes
    ----------
    path : Path
        The file.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / NAME
        self._start = time.monotonic_ns()
        self._known = _read(self.path)
        self._found: dict[str, tuple[State, bytes]] = {}
        self._added = False

    @property
    def changed(self) -> bool:
        """Whether what was found differs from what the file holds."""
        return self._added or self._found.keys() != self._known.keys()

    def find(self, run_id: str, state: State) -> bytes | None:
        """The text of a run's record, if the file with this state is the one that it was taken from."""
        entry = self._known.get(run_id)
        if entry is None or entry[0] != state:
            return None
        self._found[run_id] = entry
        return entry[1]

    def add(self, run_id: str, state: State, text: bytes) -> None:
        """Note the text of a record that can be read, and the state that its file had before it was read."""
        self._added = True
        self._found[run_id] = state, b"".join(line.strip() for line in text.splitlines())  # JSON has none in strings

    def write(self, path: Path) -> None:
        """Write what was found, without files so young that they can change once more and keep their times."""
        path.touch()  # for the time by the clock of the file system, which may be another machine's
        settled = path.stat().st_mtime_ns - (time.monotonic_ns() - self._start) - COARSEST_CLOCK
        body = b"\n".join(
            json.dumps([run_id, state]).encode() + b"\t" + text
            for run_id, (state, text) in self._found.items()
            if state[-1] < settled
        )
        with path.open("wb") as file:
            file.write(_header(body) + b"\n")
            file.write(body)


def _read(path: Path) -> dict[str, tuple[State, bytes]]:
    """Run id -> entry; nothing where the file is missing, damaged, or of other code."""
    try:
        header, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return {}
    if not body or header != _header(body):
        return {}
    entries = {}
    for line in body.split(b"\n"):
        head, _, text = line.partition(b"\t")
        run_id, state = json.loads(head)
        entries[run_id] = tuple(state), text
    return entries


def _header(body: bytes) -> bytes:
    return f"{_code()} {hashlib.sha256(body).hexdigest()}".encode()


@cache
def _code() -> str:
    """Identifies what decides which records can be read: entries of other code may be none of its records."""
    sources = [Path(__file__).with_name(name) for name in ("index.py", "spec.py", "runs.py")]
    content = b"\0".join(source.read_bytes() for source in sources if source.is_file())
    return hashlib.sha256(content + pydantic.VERSION.encode()).hexdigest()
