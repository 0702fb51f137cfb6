"""Files that a reader sees whole: the old one or the new one, never half of it."""

from __future__ import annotations

import hashlib
import os
import stat
import uuid
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write to a temporary name in the same folder, then rename it."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # else a machine that crashes can leave the new name with no content
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def sweep(path: Path) -> None:
    """Remove what a process that was killed was writing under this name."""
    for temporary in path.parent.glob(f".*.{path.name}"):
        temporary.unlink(missing_ok=True)


def read_regular(path: Path, most: int, follow: bool = False) -> bytes:
    """The content of a regular file of at most `most` bytes; OSError for all else, and nothing is waited for.

    A results folder may come from anybody: a pipe in the place of a record would make its reader wait for ever, and a
    link would show a file from elsewhere. `follow` allows links, for files that the user names.
    """
    if not follow and path.is_symlink():
        raise OSError(f"'{path}' is a link, which is not followed")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"'{path}' is not a regular file")
        if status.st_size > most:
            raise OSError(f"'{path}' has {status.st_size:,} bytes, more than the {most:,} that are read")
        return file.readall()[:most]


def require_regular(path: Path, most: int) -> None:
    """OSError where a path is not a regular file of at most `most` bytes, such as a pipe or a link."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"'{path}' is not a regular file")
    if status.st_size > most:
        raise OSError(f"'{path}' has {status.st_size:,} bytes, more than the {most:,} that are read")


MOST_HASHED = 64 * 2**30


def sha256_of(path: Path) -> str:
    """SHA-256 of the content of a regular file. Raises OSError."""
    require_regular(path, MOST_HASHED)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
