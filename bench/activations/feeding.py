"""Batch after batch of inputs through a network, and the rows of activations that come of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.activations.backbones import Backbone
from bench.activations.inputs import Inputs
from bench.activations.layers import Returned, Rows, call, output_of, rows_of
from bench.activations.preparing import Batch, Tokens
from bench.datasets.extracted import Manifest, Sample
from bench.errors import BenchError, first_line, message_of

AHEAD = 2
"""Batches of inputs that are read and prepared while the network is busy."""

Taken = dict[str, tuple[np.ndarray, list[Sample]]]
"""Layer -> rows (R, D) of a batch, and its samples."""


@dataclass(frozen=True)
class Source:
    """A network and its inputs."""

    backbone: Backbone
    """The network, on its device."""
    inputs: Inputs
    """The samples."""
    device: torch.device
    """Where the network is."""

    def first(self) -> Batch:
        """The first sample that opens, twice: what a layer returns has a row for each."""
        for item in self.inputs.items:
            prepared = _prepare(self, item)
            if not isinstance(prepared, _Unread):
                return self.backbone.preparing.batch([prepared] * 2).to(self.device)
        raise BenchError("None of the images opens; is --inputs the folder that is meant?")


class _Unread(str):
    """Why an image cannot be read."""


def passes(source: Source, starts: range, returned: Returned, manifests: Mapping[str, Manifest]) -> Iterator[Taken]:
    """The rows of the samples from each start on, of each layer: they are watched, and `returned` is what they return.

    Raises
    ------
    BenchError
        A value is NaN, or larger than the type of numbers can hold.
    """
    network, preparing = source.backbone.network, source.backbone.preparing
    for start, prepared in _batches(source, starts):
        whole = [each for each in prepared if not isinstance(each, _Unread)]
        batch = preparing.batch(whole).to(source.device) if whole else None
        returned.clear()
        if batch:
            call(network, batch)
        taken: Taken = {}
        for layer, manifest in manifests.items():
            rows = Rows(torch.empty(0, manifest.width), torch.empty(0))
            if batch:
                rows = rows_of(output_of(layer, returned[layer][0], batch), batch.mask, manifest.pool)
            values = rows.values.to(getattr(torch, manifest.dtype)).cpu().numpy()
            if not np.isfinite(values).all():
                raise _not_finite(layer, rows.values, manifest.dtype, start, len(prepared))
            samples = _samples(source, start, prepared, rows.counts.tolist(), manifest.row == "token")
            taken[layer] = values, samples
        yield taken


def batches_of(source: Source, size: int) -> Iterator[Batch]:
    """All samples that open, some at a time, on the network's device."""
    for _, prepared in _batches(source, range(0, len(source.inputs), size)):
        if whole := [each for each in prepared if not isinstance(each, _Unread)]:
            yield source.backbone.preparing.batch(whole).to(source.device)


def _not_finite(layer: str, values: Tensor, dtype: str, start: int, n: int) -> BenchError:
    where = f"The layer '{layer}' returns {{}} for one of the samples {start} to {start + n - 1}"
    if values.isfinite().all():
        largest = values.abs().max().item()
        return BenchError(f"{where.format(f'{largest:.3g}')}, more than {dtype} can hold; use --dtype float32.")
    return BenchError(f"{where.format('NaN or infinities')}: look at the network's weights and at these inputs.")


def _samples(source: Source, start: int, prepared: Sequence[Any], counts: list[int], by_token: bool) -> list[Sample]:
    """What the table of samples has of a batch: those that cannot be read have no rows."""
    inputs, preparing, left = source.inputs, source.backbone.preparing, iter(counts)
    samples = []
    for number, each in enumerate(prepared, start):
        known: dict[str, Any] = {"name": inputs.names[number], "label": int(inputs.labels[number])}
        if isinstance(each, _Unread):
            known |= {"rows": 0, "problem": str(each)}
        else:
            known["rows"] = next(left)
        if isinstance(preparing, Tokens):
            known["left_out"] = each.left_out
            known["tokens"] = preparing.words(each.ids) if by_token else None
        samples.append(Sample(**known))
    return samples


def _batches(source: Source, starts: range) -> Iterator[tuple[int, list[Any]]]:
    """The prepared inputs from each start on, read ahead by threads: decoding an image holds no interpreter lock."""
    items, waiting = source.inputs.items, deque[tuple[int, list[Future[list[Any]]]]]()
    n_threads = torch.get_num_threads()
    size = -(-starts.step // n_threads)

    def prepared(parts: list[Future[list[Any]]]) -> list[Any]:
        return [each for part in parts for each in part.result()]

    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for start in starts:
                end = min(start + starts.step, len(items))
                parts = [items[i : min(i + size, end)] for i in range(start, end, size)]
                waiting.append((start, [pool.submit(_prepare_all, source, part) for part in parts]))
                if len(waiting) > AHEAD:
                    first, futures = waiting.popleft()
                    yield first, prepared(futures)
            for first, futures in waiting:
                yield first, prepared(futures)
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare_all(source: Source, items: Sequence[Any]) -> list[Any]:
    return [_prepare(source, item) for item in items]


def _prepare(source: Source, item: Any) -> Any:
    """An input as the network takes it, or why it cannot be read. BenchError where a transform fails on it."""
    try:
        raw = source.inputs.read(item)
    except OSError as error:
        return _Unread(first_line(str(error)))
    try:
        return source.backbone.preparing.one(raw)
    except BenchError:
        raise
    except Exception as error:  # a transform may be anybody's
        raise BenchError(
            f"'{item!s:.80}' cannot be prepared: {type(error).__name__}: {first_line(message_of(error))}"
        ) from error
