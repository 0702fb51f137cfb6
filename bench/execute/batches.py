"""The order of training: endless shuffled batches, of samples in memory or of files that are larger."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from bench.datasets.base import Split
from bench.datasets.stream import Stream
from bench.execute.seeding import derive_seed

Batch = tuple[Tensor, Tensor]
"""Inputs (B, D) and labels (B,)."""

CPU = torch.device("cpu")

AHEAD = 4
"""Batches of a stream that are made while the model trains on those before."""

Item = TypeVar("Item")


def batches(
    data: Split | Stream, batch_size: int, seed: int, first: int = 0, device: torch.device = CPU
) -> Iterator[Batch]:
    """Endless batches from the `first` on; an epoch's order depends on it and the seed alone.

    Each epoch has every sample once; its last batch may be smaller. Those of a split are where it is. Those of a stream
    are on a device: blocks of neighbouring samples come in random order, and samples are shuffled among as many blocks
    as its buffer holds.
    """
    epoch, skipped = divmod(first, math.ceil(len(data) / batch_size))
    if isinstance(data, Stream):
        made = _streamed(data, batch_size, seed, epoch, skipped, pinned=device.type == "cuda")
        for x, labels in _ahead(made, AHEAD):
            yield x.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        return
    while True:
        order = torch.randperm(len(data), generator=_generator(seed, epoch)).to(data.x.device)
        for rows in order.split(batch_size)[skipped:]:
            yield data.x[rows], data.labels[rows]
        epoch, skipped = epoch + 1, 0


def _generator(seed: int, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(seed, "epoch", str(epoch)))


def _streamed(data: Stream, size: int, seed: int, epoch: int, skipped: int, pinned: bool) -> Iterator[Batch]:
    """Batches in memory, in pages that a GPU can copy from where they are `pinned`."""
    while True:
        parts: list[Batch] = []
        filled = 0
        for x, labels, order in _ahead(_buffers(data, _generator(seed, epoch), skipped * size), 1):
            while len(order):
                rows, order = order[: size - filled], order[size - filled :]
                parts.append((x[rows], labels[rows]))
                filled += len(rows)
                if filled == size:
                    yield _joined(data, parts, pinned)
                    parts, filled = [], 0
        if parts:
            yield _joined(data, parts, pinned)
        epoch, skipped = epoch + 1, 0


def _buffers(data: Stream, generator: torch.Generator, skipped: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Rows as they are stored, labels and the order of their samples: all of an epoch but for those skipped."""
    sizes = data.edges.diff()
    for blocks in torch.randperm(len(sizes), generator=generator).split(data.blocks_in_buffer):
        size = int(sizes[blocks].sum())
        order = torch.randperm(size, generator=generator)  # drawn for buffers that are skipped as well
        if skipped < size:
            yield *data.read_blocks(blocks), order[skipped:]
        skipped = max(0, skipped - size)


def _joined(data: Stream, parts: list[Batch], pinned: bool) -> Batch:
    x = data.inputs(torch.cat([x for x, _ in parts]))
    labels = torch.cat([labels for _, labels in parts])
    return (x.pin_memory(), labels.pin_memory()) if pinned else (x, labels)


def _ahead(items: Iterator[Item], n: int) -> Iterator[Item]:
    """The same items, of which a thread makes up to n before they are asked for."""
    with ThreadPoolExecutor(1) as thread:
        try:
            waiting = deque(thread.submit(next, items, None) for _ in range(n))
            while (item := waiting.popleft().result()) is not None:
                waiting.append(thread.submit(next, items, None))
                yield item
        finally:
            thread.shutdown(cancel_futures=True)
