"""A split that is larger than memory: its samples stay in their files, and are read in blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from bench.datasets.scaling import Scaling
from bench.datasets.stored import Rows


def as_float_rows(x: Tensor) -> Tensor:
    """(N, D) float32; bytes of images are scaled into [0, 1]."""
    inputs = x.reshape(len(x), -1).float()
    return inputs / 255 if x.dtype == torch.uint8 and x.dim() > 2 else inputs


@dataclass(frozen=True)
class Stream:
    """Samples of some rows of files, with their labels."""

    rows: Rows
    """All rows of the files."""
    labels: Tensor
    """Classes (N,) of the samples, int64, negative for none."""
    samples: Tensor
    """The row of each sample, (N,) ascending."""
    factors: Mapping[str, Tensor] = field(default_factory=dict)
    """Other known properties of the samples: see `bench.datasets.base.Split`."""
    scaling: Scaling | None = None
    """How inputs are normalised; None where they stay as they are."""
    bounds: Tensor | None = None
    """Least and largest value of each input, after that, (2, D)."""
    block_bytes: int = 2**20
    """Size of what is read at once, about."""
    buffer_bytes: int = 2**27
    """Size of what is shuffled at once, about: two of them, and what is read meanwhile, are in memory."""

    def __len__(self) -> int:
        return len(self.samples)

    def take(self, samples: Tensor) -> Stream:
        """The samples at some indices, which ascend."""
        factors = {name: values[samples] for name, values in self.factors.items()}
        return replace(self, samples=self.samples[samples], labels=self.labels[samples], factors=factors)

    def inputs(self, x: Tensor) -> Tensor:
        """Rows as they are stored, (N, ...), as models see them: (N, D) float32."""
        inputs = as_float_rows(x)
        return self.scaling.of(inputs) if self.scaling else inputs

    def at(self, samples: Tensor) -> Tensor:
        """Inputs (n, D) of the samples at some indices, which ascend."""
        return self.inputs(self.rows.take(self.samples[samples]))

    @cached_property
    def edges(self) -> Tensor:
        """Indices of the first sample of each block and of those after the last, (blocks + 1,)."""
        size = max(1, self.block_bytes // self.rows.row_bytes)
        return torch.searchsorted(self.samples, torch.arange(0, len(self.rows) + size, size))

    @property
    def blocks_in_buffer(self) -> int:
        """How many blocks are shuffled at once."""
        return max(1, self.buffer_bytes // self.block_bytes)

    def read_blocks(self, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """The samples of some blocks, one block after the other: rows as they are stored, and labels."""
        parts = [(int(self.edges[block]), int(self.edges[block + 1])) for block in blocks]
        x = torch.empty(sum(stop - start for start, stop in parts), *self.rows.shape[1:], dtype=self.rows.dtype)
        filled = 0
        for start, stop in parts:
            if start < stop:
                rows = self.samples[start:stop]
                first = int(rows[0])
                x[filled : filled + stop - start] = self.rows.read(first, int(rows[-1]) + 1)[rows - first]
                filled += stop - start
        return x, torch.cat([self.labels[start:stop] for start, stop in parts])
