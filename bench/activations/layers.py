"""Layers: the modules of a network by name, what they return, and the rows of activations in that."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bench.activations.preparing import Batch
from bench.errors import BenchError, first_line, message_of, unknown

POOLS = ("mean", "cls", "last", "none")
"""What becomes of the tokens or patches of a sample: their mean, the first, the last, or all as rows of their own."""

Returned = dict[str, list[Any]]
"""Name of a layer -> what each of its calls has returned."""


class _Enough(Exception):
    """Every layer has been seen: the rest of the network need not run."""


class Rows(NamedTuple):
    """The rows of a batch."""

    values: Tensor
    """(R, D), sample after sample."""
    counts: Tensor
    """(B,), how many each sample has."""


@contextmanager
def watched(network: nn.Module, layers: Sequence[str], whole: bool) -> Iterator[Returned]:
    """What layers return in the block. Unless the whole network is to run, a pass ends when all have."""
    returned: Returned = {}
    modules = dict(network.named_modules())

    def hook(name: str) -> Callable[..., None]:
        def keep(module: nn.Module, arguments: Any, output: Any) -> None:
            returned.setdefault(name, []).append(output)
            if not whole and len(returned) == len(layers):
                raise _Enough
            hidden = _hidden(output)
            if isinstance(hidden, Tensor):
                returned[name][-1] = _with_hidden(output, hidden.clone())  # what follows may work in place

        return keep

    handles = [modules[name].register_forward_hook(hook(name)) for name in layers]
    try:
        yield returned
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def replaced(network: nn.Module, layer: str, rows: Tensor, mask: Tensor | None) -> Iterator[None]:
    """A layer returns other rows (R, D) in the block: those of `rows_of` with the pool none, put back."""

    def hook(module: nn.Module, arguments: Any, output: Any) -> Any:
        return _with_hidden(output, put_back(_hidden(output), rows, mask))

    handle = network.get_submodule(layer).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def call(network: nn.Module, batch: Batch) -> Any:
    """What a pass returns; None where it is watched no further. BenchError where the network refuses the batch."""
    try:
        with suppress(_Enough), torch.inference_mode():
            return network(*batch.positional, **batch.named)
    except torch.OutOfMemoryError as error:
        raise BenchError("A batch does not fit into the GPU's memory: give a smaller --batch-size.") from error
    except Exception as error:  # a network may be anybody's
        raise BenchError(
            f"The backbone does not take these inputs: {type(error).__name__}: {first_line(message_of(error))}"
        ) from error


def probe(network: nn.Module, layers: Sequence[str], batch: Batch) -> Returned:
    """What layers return for a batch in a whole pass. BenchError where the network does not take it."""
    with watched(network, layers, whole=True) as returned:
        call(network, batch)
    return returned


def names_of(network: nn.Module) -> list[str]:
    """The names of all modules, in the order of their definition, but for the network itself."""
    return [name for name, _ in network.named_modules() if name]


def require_layers(network: nn.Module, layers: Sequence[str]) -> None:
    """BenchError for a layer that there is not."""
    names = names_of(network)
    for layer in layers:
        if layer not in names:
            near = difflib.get_close_matches(layer, names, 8, 0.3) or names[:8]
            raise unknown("layer", layer, near, "`--layers` in place of --layer lists all, with what they return.")


def first_outputs(returned: Mapping[str, Sequence[Any]], layers: Sequence[str], batch: Batch) -> dict[str, Tensor]:
    """What each layer returns, as one tensor. BenchError for one that is not called once, or returns something else."""
    for layer in layers:
        if (n := len(returned.get(layer, ()))) != 1:
            raise BenchError(f"The layer '{layer}' is called {n} times in a pass, not once; name another.")
    return {layer: output_of(layer, returned[layer][0], batch) for layer in layers}


def output_of(layer: str, output: Any, batch: Batch) -> Tensor:
    """The hidden states in what a layer has returned, which may be a tuple that begins with them; else BenchError."""
    x = (*batch.positional, *batch.named.values())[0]
    lengths = x.shape[: 1 if batch.mask is None else 2]
    first = _hidden(output)
    fits = isinstance(first, Tensor) and first.is_floating_point() and first.ndim in (2, 3, 4)
    if fits and first.ndim > 2 and batch.mask is not None:
        fits = first.ndim == 3 and first.shape[:2] == lengths
    if not (fits and isinstance(first, Tensor)) or first.shape[0] != lengths[0]:
        raise BenchError(
            f"The layer '{layer}' returns {described(output)}; expected floats (B, D), (B, T, D) or (B, C, H, W), or a "
            f"tuple that begins with them, for {lengths[0]} samples."
        )
    return first


def _hidden(output: Any) -> Any:
    """The hidden states in what a layer has returned, if it is one of the usual kinds."""
    if isinstance(output, Mapping):
        return output.get("last_hidden_state")
    return output[0] if isinstance(output, tuple | list) and output else output


def _with_hidden(output: Any, hidden: Tensor) -> Any:
    """What a layer has returned, with other hidden states in it."""
    if isinstance(output, Mapping):
        return type(output)(**{**output, "last_hidden_state": hidden})
    return (hidden, *output[1:]) if isinstance(output, tuple | list) else hidden


def described(output: Any) -> str:
    """'(2, 64, 8, 8)', 'tuple of (2, 5, 64) and None'."""
    if isinstance(output, Tensor):
        shape = str(tuple(output.shape))
        return shape if output.is_floating_point() else f"{str(output.dtype).removeprefix('torch.')} {shape}"
    if isinstance(output, Mapping):
        return f"{type(output).__name__} of {', '.join(f'{key} {described(each)}' for key, each in output.items())}"
    if isinstance(output, tuple | list):
        return f"{type(output).__name__} of {' and '.join(map(described, output)) or 'nothing'}"
    return "None" if output is None else type(output).__name__


def rows_of(output: Tensor, mask: Tensor | None, pool: str) -> Rows:
    """The rows in what a layer returns.

    Parameters
    ----------
    output : Tensor
        (B, D): a row a sample, whatever the pool. (B, T, D): tokens. (B, C, H, W), or (B, H, W, C) where the middle two
        are equal and the last two are not: a map, whose places are patches, row by row.
    mask : Tensor or None
        (B, T), which tokens there are; None: all.
    pool : str
        One of `POOLS`.

    Raises
    ------
    BenchError
        A map has no first or last token.
    """
    if output.ndim == 2:
        return Rows(output, torch.ones(len(output), dtype=torch.long))
    if output.ndim == 4:
        if pool in ("cls", "last"):
            raise BenchError(f"--pool {pool}: the layer returns a map {tuple(output.shape)}; use mean or none.")
        output = (output if _channels_last(output) else output.permute(0, 2, 3, 1)).flatten(1, 2)
    if mask is None:
        mask = torch.ones(output.shape[:2], dtype=torch.bool, device=output.device)
    counts = mask.sum(1)
    if pool == "none":
        return Rows(output[mask], counts)
    ones = torch.ones_like(counts)
    if pool == "cls":
        return Rows(output[:, 0], ones)
    if pool == "last":
        return Rows(output[torch.arange(len(output), device=output.device), counts - 1], ones)
    return Rows(output.masked_fill(~mask[..., None], 0).sum(1) / counts[:, None], ones)


def put_back(output: Tensor, rows: Tensor, mask: Tensor | None) -> Tensor:
    """What a layer returns, with other rows: `rows_of(put_back(output, rows, mask), mask, "none")` has these values."""
    rows = rows.to(output).clone(memory_format=torch.contiguous_format)  # what follows may work in place
    if output.ndim == 4:
        b, h, w, c = output.shape if _channels_last(output) else output.permute(0, 2, 3, 1).shape
        maps = rows.reshape(b, h, w, c)
        return maps if _channels_last(output) else maps.permute(0, 3, 1, 2).contiguous()
    if output.ndim == 2 or mask is None:
        return rows.reshape(output.shape)
    new = output.clone()
    new[mask] = rows
    return new


def _channels_last(maps: Tensor) -> bool:
    _, h, w, c = maps.shape
    return h == w != c
