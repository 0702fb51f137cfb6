"""Arrays from an npz that may come from anybody: no pickles, and no more than is announced and can be held."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.store.files import read_regular

if TYPE_CHECKING:
    import numpy as np

MOST_BYTES = 64 * 2**20
"""Of all arrays of a file once they are unpacked, and of the file."""
MOST_MEMBERS = 1000
"""Arrays of a file."""


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, by name.

    Raises
    ------
    OSError
        Where there is no regular file, or a larger one.
    ValueError
        Where it is damaged, holds objects, or unpacks to more than `MOST_BYTES`.
    """
    import numpy as np

    content = io.BytesIO(read_regular(path, MOST_BYTES))
    try:
        with zipfile.ZipFile(content) as archive:
            _require_modest(archive)
        content.seek(0)
        with np.load(content, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except ValueError:
        raise
    except Exception as error:  # a damaged archive fails in a dozen ways
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _require_modest(archive: zipfile.ZipFile) -> None:
    """ValueError where the arrays are larger than is allowed, or than the archive says: before anything is unpacked."""
    from numpy.lib import format as npy

    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise ValueError(f"it holds {len(members):,} arrays, more than the {MOST_MEMBERS:,} that are read")
    total = sum(member.file_size for member in members)
    if total > MOST_BYTES:
        raise ValueError(f"it unpacks to {total:,} bytes, more than the {MOST_BYTES:,} that are read")
    for member in members:
        with archive.open(member) as file:
            read = {1: npy.read_array_header_1_0, 2: npy.read_array_header_2_0}[npy.read_magic(file)[0]]
            shape, _, dtype = read(file)
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds Python objects, which are not read")
        if math.prod(shape) * max(1, dtype.itemsize) > member.file_size:
            raise ValueError(f"{member.filename} announces the shape {shape} and holds less")
