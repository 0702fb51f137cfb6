"""overcomplete: a state dict in a file, since the library has no format of its own.

It does not say how units are selected, so that this stands beside the path: `:k=32` for TopKSAE or MpSAE,
`:threshold=0.3` (its running_threshold) for BatchTopKSAE, `:k=all` for SAE. JumpSAE has its thresholds among its
tensors. Encoders are linear, with or without batch normalisation; dictionaries are normalised as by default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from models.exchange.checkpoint import Checkpoint, CheckpointError
from models.exchange.format import Format
from models.exchange.reading import Weights, read_tensors

BLOCK = "encoder.final_block"
SMALL, EPSILON = 1e-8, 1e-5
"""What the library adds to norms, and torch to variances."""
ASK = "its file does not say how it selects; write FILE:k=32 (TopKSAE), FILE:threshold=0.3 (BatchTopKSAE: its "
ASK += "running_threshold) or FILE:k=all (SAE)"


def _read(paths: Sequence[Path], options: Mapping[str, str]) -> Checkpoint:
    weights = read_tensors(paths[0])
    rows = weights.take("dictionary._weights", None, None)
    m, d = rows.shape
    atoms = rows / (rows.norm(dim=1, keepdim=True) + SMALL) * weights.take("dictionary.multiplier").exp()
    zeros = torch.zeros(d)
    tensors = {"dictionary": atoms, "bias": zeros, "centre": zeros}
    if f"{BLOCK}.0.weight" not in weights:
        weights.done()
        return Checkpoint.of("pursuit", tensors, k=_whole(options.get("k", ""), "k"), signed=True)
    tensors |= _encoder(weights, m, d)
    if "thresholds" in weights:
        tensors["threshold"] = weights.take("thresholds", m).exp()
    weights.done()
    if "threshold" in tensors:
        return Checkpoint.of("jumprelu", tensors)
    if "threshold" in options:
        return Checkpoint.of("jumprelu", tensors | {"threshold": torch.full((m,), _real(options["threshold"]))})
    if options.get("k") == "all":
        return Checkpoint.of("relu", tensors)
    return Checkpoint.of("topk", tensors, k=_whole(options.get("k", ""), "k"))


def _encoder(weights: Weights, m: int, d: int) -> dict[str, Tensor]:
    """The linear encoder, with the batch normalisation that may follow it folded in."""
    encoder, bias = weights.take(f"{BLOCK}.0.weight", m, d), weights.take(f"{BLOCK}.0.bias", m)
    if f"{BLOCK}.1.running_var" in weights:
        scale = weights.take(f"{BLOCK}.1.weight", m) / (weights.take(f"{BLOCK}.1.running_var", m) + EPSILON).sqrt()
        bias = (bias - weights.take(f"{BLOCK}.1.running_mean", m)) * scale + weights.take(f"{BLOCK}.1.bias", m)
        encoder = encoder * scale[:, None]
        weights.take(f"{BLOCK}.1.num_batches_tracked")
    return {"encoder": encoder, "encoder_bias": bias}


def _whole(text: str, key: str) -> int:
    if not text:
        raise CheckpointError(ASK)
    if not text.isdecimal():
        raise CheckpointError(f"{key} = '{text}'; expected a whole number")
    return int(text)


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise CheckpointError(f"threshold = '{text}'; expected a number") from error


FORMAT = Format("overcomplete", (), _read, suffixes=(".pt", ".pth", ".safetensors"), options=("k", "threshold"))
