"""Arrays that stay in their files until some of their rows are needed.

Rows are read, not mapped: pages of a map that were touched count as this process's memory until others need it.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import BenchError

SAFETENSORS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""Types of numbers by their names in a .safetensors file; others are read at once."""

CUT_SHORT = "'{}' was cut short while it was in use; restore it, and start again."

READERS, TAKEN = 16, 1000
"""Threads that read single rows, since a disk serves many at a time, and the rows that each reads at once."""


@dataclass(frozen=True)
class Stored:
    """One array in a file, row after row."""

    path: Path
    """The file."""
    offset: int
    """Bytes before its first row."""
    dtype: torch.dtype
    """Of its numbers."""
    shape: tuple[int, ...]
    """(N, ...)."""

    def read(self, start: int, stop: int) -> Tensor:
        """The rows from `start` to `stop`. BenchError where the file has become shorter, or is gone."""
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        try:
            found = np.fromfile(self.path, np.uint8, (stop - start) * row, offset=self.offset + start * row)
        except OSError as error:
            raise BenchError(f"'{self.path}' cannot be read: {error}.") from error
        if len(found) < (stop - start) * row:
            raise BenchError(CUT_SHORT.format(self.path))
        found = found.reshape(stop - start, row)  # of no rows, torch views the bytes only so
        return torch.from_numpy(found).view(self.dtype).reshape(stop - start, *self.shape[1:])

    def read_into(self, found: np.ndarray, rows: Sequence[int]) -> None:
        """Single rows into an array of bytes, one a row. BenchError as of `read`."""
        try:
            with self.path.open("rb", buffering=0) as file:
                for target, row in zip(found, rows, strict=True):
                    file.seek(self.offset + row * len(target))
                    if file.readinto(target.data) < len(target):
                        raise BenchError(CUT_SHORT.format(self.path))
        except OSError as error:
            raise BenchError(f"'{self.path}' cannot be read: {error}.") from error


@dataclass(frozen=True)
class Rows:
    """Rows of one shape and type, in one file or in several, one after the other."""

    parts: tuple[Stored, ...]
    """The arrays that hold them."""

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *accumulate(part.shape[0] for part in self.parts)]

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ...)."""
        return len(self), *self.parts[0].shape[1:]

    @property
    def dtype(self) -> torch.dtype:
        """Of the numbers."""
        return self.parts[0].dtype

    @property
    def n_features(self) -> int:
        """D, the numbers in a row."""
        return math.prod(self.shape[1:])

    @property
    def row_bytes(self) -> int:
        """Size of a row."""
        return self.n_features * self.dtype.itemsize

    def read(self, start: int = 0, stop: int | None = None) -> Tensor:
        """The rows from `start` to `stop`, as they are stored; all by default. BenchError where that fails."""
        stop = len(self) if stop is None else stop
        found = [
            part.read(max(start - first, 0), min(stop - first, part.shape[0]))
            for part, first in zip(self.parts, self._starts, strict=False)
            if first < stop and start < first + part.shape[0]
        ]
        return found[0] if len(found) == 1 else torch.cat(found) if found else self.parts[0].read(0, 0)

    def between(self, start: int, stop: int) -> Rows:
        """The rows from `start` to `stop`, which stay where they are."""
        parts = []
        for part, first in zip(self.parts, self._starts, strict=False):
            begin, end = max(start - first, 0), min(stop - first, part.shape[0])
            if begin < end:
                offset = part.offset + begin * self.row_bytes
                parts.append(replace(part, offset=offset, shape=(end - begin, *part.shape[1:])))
        return Rows(tuple(parts) or (replace(self.parts[0], shape=(0, *self.shape[1:])),))

    def take(self, rows: Tensor) -> Tensor:
        """The rows at some numbers, which ascend. BenchError as of `read`."""
        found = np.empty((len(rows), self.row_bytes), np.uint8)
        edges = torch.searchsorted(rows, torch.tensor([*self._starts])).tolist()
        with ThreadPoolExecutor(READERS) as threads:
            work = []
            for part, first, start, stop in zip(self.parts, self._starts, edges, edges[1:], strict=False):
                for begin in range(start, stop, TAKEN):
                    here = slice(begin, min(begin + TAKEN, stop))
                    work.append(threads.submit(part.read_into, found[here], (rows[here] - first).tolist()))
            for each in work:
                each.result()
        return torch.from_numpy(found).view(self.dtype).reshape(len(rows), *self.shape[1:])

    def place(self, row: int) -> tuple[Path, int]:
        """The file of a row, and the row's number in it."""
        part = bisect_right(self._starts, row) - 1
        return self.parts[part].path, row - self._starts[part]


def concatenated(several: Sequence[Rows]) -> Rows:
    """The rows of some, one after the other; of one shape and type."""
    return Rows(tuple(part for rows in several for part in rows.parts))


def npy_rows(path: Path) -> Rows | None:
    """The rows of a .npy file; None where they do not lie in it row by row in this machine's order of bytes.

    Raises OSError or ValueError: pickled objects, a file cut short.
    """
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "mmap length" in str(error):
            raise ValueError("its header promises more numbers than it holds") from error
        raise
    plain = isinstance(mapped, np.memmap) and mapped.ndim > 1 and mapped.flags.c_contiguous and mapped.dtype.isnative
    if not plain or mapped.dtype.kind not in "biuf":
        return None
    dtype = torch.from_numpy(np.empty(0, mapped.dtype)).dtype
    return Rows((Stored(path, mapped.offset, dtype, mapped.shape),))


def safetensors_rows(path: Path) -> Mapping[str, Any]:
    """The arrays of a .safetensors file, those of two dimensions or more as rows. Raises OSError or SafetensorError."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:  # checks the header, and that the file is whole
        with path.open("rb") as raw:
            size = int.from_bytes(raw.read(8), "little")
            header = json.loads(raw.read(size))
        found: dict[str, Any] = {}
        for name in file.keys():  # noqa: SIM118 (it is no mapping)
            about = header[name]
            if len(about["shape"]) < 2 or about["dtype"] not in SAFETENSORS:
                found[name] = file.get_tensor(name)
                continue
            offset = 8 + size + about["data_offsets"][0]
            found[name] = Rows((Stored(path, offset, SAFETENSORS[about["dtype"]], tuple(about["shape"])),))
        return found
