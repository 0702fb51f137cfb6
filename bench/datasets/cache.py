"""Arrays that take seconds to minutes to make, kept under the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path


def cached(name: str, key: str, make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays that `make` returns, read from the cache if it has them.

    Parameters
    ----------
    name : str
        Start of the file's name, for human readers.
    key : str
        Everything that determines the content: a new version of the method needs a new key.
    make : callable
        Makes the arrays. They are returned even if the cache cannot be written.
    """
    path = cache_folder() / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    try:
        with np.load(path) as archive:
            return dict(archive)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        pass  # absent, or damaged: made again
    arrays = dict(make())
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(temporary, allow_pickle=False, **arrays)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
    return arrays


def cache_folder() -> Path:
    """Where cached arrays are: on Linux `$XDG_CACHE_HOME/sparse-latent-bench`, else in ~/.cache."""
    return user_cache_path("sparse-latent-bench")
