"""What identifies a file's content: its SHA-256, remembered so that a file of 20 GB is read once."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from bench.datasets.cache import cache_folder, replace_file


def content_of(path: Path) -> str:
    """SHA-256 of a file; of a folder, of the names and the contents of all files in it that are not hidden.

    It is remembered with the size, the number and the times of the last changes of each file. Raises OSError.
    """
    files = _files_in(path) if path.is_dir() else [path]
    state = _digest([f"{file} {_state_of(file)}" for file in files])
    memory = _memory_of(path)
    if memory and (known := _remembered(memory, state)):
        return known
    if path.is_dir():
        content = _digest([f"{file.relative_to(path).as_posix()} {_sha256(file)}" for file in files])
    else:
        content = _sha256(path)
    if memory:
        with suppress(OSError):  # a cache that cannot be written costs time alone
            replace_file(memory, lambda new: new.write_text(json.dumps({"state": state, "sha256": content})))
    return content


def _files_in(folder: Path) -> list[Path]:
    """The files in a folder and in its subfolders, but for hidden ones."""
    return sorted(file for file in folder.rglob("*") if file.is_file() and not _hidden(file.relative_to(folder)))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _state_of(file: Path) -> tuple[int, ...]:
    facts = file.stat()
    return facts.st_size, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns


def _memory_of(path: Path) -> Path | None:
    """Where the content of a path is remembered; None where there is no cache."""
    with suppress(OSError):
        return cache_folder() / "contents" / f"{_digest([str(path.resolve())])[:24]}.json"
    return None


def _remembered(memory: Path, state: str) -> str:
    """What was remembered of a state; "" for nothing."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(memory.read_text(encoding="utf-8"))
        return str(known["sha256"]) if known["state"] == state else ""
    return ""


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
