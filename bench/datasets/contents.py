"""What identifies a file's content: its SHA-256, remembered so that a file of 20 GB is read once."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from bench.datasets.cache import cache_folder


def content_of(path: Path) -> str:
    """SHA-256 of a file; of a folder, of the names and the contents of all files in it that are not hidden.

    What a file's content is, is remembered with its size, its number and the times of its last changes. Raises OSError.
    """
    if not path.is_dir():
        return _content_of_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file() and not _hidden(file.relative_to(path)))
    words = [f"{file.relative_to(path).as_posix()} {_content_of_file(file)}" for file in files]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _content_of_file(path: Path) -> str:
    facts = path.stat()
    state = [facts.st_size, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns]
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:24]
    memory = cache_folder() / "contents" / f"{name}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(memory.read_text(encoding="utf-8"))
        if known["state"] == state:
            return str(known["sha256"])
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    temporary = memory.with_name(f".{os.getpid()}.{memory.name}")
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"path": str(path.resolve()), "state": state, "sha256": checksum}))
        temporary.replace(memory)
    return checksum
