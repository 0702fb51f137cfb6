"""Arrays that take seconds to minutes to make, kept under the user's cache folder."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

NAME = "sparse-latent-bench"


def cached(name: str, key: str, make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays that `make` returns, read from the cache if it has them.

    Parameters
    ----------
    name : str
        Start of the file's name, for human readers.
    key : str
        Everything that determines the content: a new version of the method needs a new key.
    make : callable
        Makes the arrays. They are returned even if the cache cannot be written, which is said before they are made.
    """
    file = f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    try:
        with np.load(cache_folder() / file) as archive:
            return dict(archive)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        pass  # absent, or damaged: made again
    folder = _writable_folder()
    arrays = dict(make())
    if folder:
        with suppress(OSError):  # a full disk
            replace_file(folder / file, lambda new: np.savez(new, allow_pickle=False, **arrays))
    return arrays


def cache_folder() -> Path:
    """Where cached arrays are: on Linux `$XDG_CACHE_HOME/sparse-latent-bench`, else in ~/.cache.

    OSError where there is no home: a cache in the working directory would be nobody's.
    """
    with suppress(RuntimeError):
        folder = user_cache_path(NAME)
        if folder.is_absolute():
            return folder
    raise OSError("there is no home folder")


def _writable_folder() -> Path | None:
    """The cache folder; where it takes no file, which is said, one for this command and its workers; None without."""
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            return folder
    except OSError as error:
        reason = error.strerror or error
    print(
        f"The cache folder cannot be written ({reason}), so the next command makes again what this one makes. "
        "Set XDG_CACHE_HOME to a folder that can.",
        file=sys.stderr,
    )
    try:
        home = tempfile.mkdtemp(prefix=f"{NAME}-")
    except OSError:
        return None
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["XDG_CACHE_HOME"] = home  # workers inherit it
    folder = cache_folder()
    folder.mkdir()
    return folder


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file of the cache under a temporary name, then rename it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
