"""Files that a reader sees whole: the old one or the new one, never half of it."""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write to a temporary name in the same folder, then rename it. The umask says who may read it."""
    write_together({path: write})


def write_together(writes: Mapping[Path, Callable[[Path], object]]) -> None:
    """The same of several files: where one of them cannot be written, none is replaced."""
    temporaries = {path: path.with_name(f".{uuid.uuid4().hex}.{path.name}") for path in writes}
    try:
        for path, temporary in temporaries.items():
            _write(temporary, writes[path])
        for path, temporary in temporaries.items():
            temporary.replace(path)
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Write a new file, and have the disk take it: a machine that crashes may else leave the name with no content."""
    path.touch()
    mode = path.stat().st_mode
    write(path)
    if path.stat().st_mode != mode:  # safetensors gives its files to their owner alone
        path.chmod(stat.S_IMODE(mode))
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def sweep(path: Path) -> None:
    """Remove what a process that was killed was writing under this name."""
    for temporary in path.parent.glob(f".*.{path.name}"):
        temporary.unlink(missing_ok=True)


def expanded(path: Path) -> Path:
    """A path whose leading `~` or `~user` is that home, as in a shell. BenchError where there is no such home."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise BenchError(f"'{path}': there is no home folder that '{path.parts[0]}' means; write it out.") from error


def require_writable(folder: Path, option: str) -> None:
    """Create a folder and prove that it takes a file; BenchError, which names the option that names it, otherwise."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)  # another thread has the same
    except OSError as error:
        raise BenchError(
            f"The folder '{folder}' cannot be written ({error.strerror}). "
            f"Name another with {option} DIR, or change its permissions."
        ) from error


def require_new(folder: Path, option: str) -> None:
    """BenchError, which names the option that names it, where there is anything at a path but an empty folder."""
    if folder.is_symlink() or (is_there(folder) and (not folder.is_dir() or any(folder.iterdir()))):
        raise BenchError(f"{option} '{folder}' is there already, and is no empty folder; name a new one.")


@contextmanager
def whole_folder(folder: Path, option: str) -> Iterator[Path]:
    """A folder to write to, which becomes that of this name, new or empty, when all is written; else nothing is left.

    BenchError, which names the option that names it, where it cannot be made.
    """
    parent = folder.absolute().parent
    require_writable(parent, option)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".whole-") as temporary:
        whole = Path(temporary, "whole")
        whole.mkdir()
        yield whole
        if folder.exists():
            folder.rmdir()
        whole.rename(folder)


def no_permission(path: Path) -> str:
    """What to say of a file that is there and that this user may not read."""
    return f"'{path}' may not be read by you; ask its owner for `chmod -R a+rX {shlex.quote(str(path.parent))}`."


def is_there(path: Path) -> bool:
    """Whether there is anything at a path, links to nowhere included; true where a folder does not let one look."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def read_regular(path: Path, most: int, follow: bool = False) -> bytes:
    """The content of a regular file of at most `most` bytes; OSError for all else, and nothing is waited for.

    A results folder may come from anybody: a pipe in the place of a record would make its reader wait for ever, and a
    link would show a file from elsewhere. `follow` allows links, for files that the user names.
    """
    with open(_open_regular(path, most, follow), "rb", buffering=0) as file:
        return file.readall()[:most]


def require_regular(path: Path, most: int) -> None:
    """OSError where a path is no regular file of at most `most` bytes that may be read, but a pipe or a link, say."""
    os.close(_open_regular(path, most))


def _open_regular(path: Path, most: int, follow: bool = False) -> int:
    """Descriptor of a regular file that is open for reading."""
    if not follow and path.is_symlink():
        raise OSError(f"'{path}' is a link, which is not followed")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    status = os.fstat(descriptor)
    try:
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"'{path}' is not a regular file")
        if status.st_size > most:
            raise OSError(f"'{path}' has {status.st_size:,} bytes, more than the {most:,} that are read")
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


MOST_HASHED = 64 * 2**30


def sha256_of(path: Path) -> str:
    """SHA-256 of the content of a regular file. Raises OSError."""
    require_regular(path, MOST_HASHED)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
