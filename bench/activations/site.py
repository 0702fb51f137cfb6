"""From a folder of activations back to the network, layer and inputs that it was made of; what differs is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bench.activations.backbones import Backbone, Wanted, load_backbone
from bench.activations.feeding import Source
from bench.activations.inputs import Inputs, read_inputs
from bench.activations.layers import call, described, first_outputs, probe, require_layers, rows_of
from bench.activations.preparing import Batch, Tokens
from bench.datasets.base import Dataset
from bench.datasets.extracted import Manifest
from bench.errors import BenchError

LOGITS = 2**24
"""Numbers that the network may return for a batch: of texts, there are as many as tokens times words."""
ALIKE = 0.01
"""Relative difference of activations that are the same but for rounding: those on disk may be float16."""


class Named(NamedTuple):
    """What was named in place of what a manifest says."""

    backbone: str | None
    """The network."""
    weights: Path | None
    """A file of its weights."""
    inputs: str | None
    """The images or texts."""


@dataclass(frozen=True)
class Site:
    """A layer whose output can be replaced, and the inputs of the test split."""

    source: Source
    """The network and the samples. Their labels are places among the network's classes, -1 for none."""
    layer: str
    """The module."""
    rows: int
    """Rows of activations that the samples have."""
    batch_size: int
    """Samples at a time."""


def open_site(folder: Path, manifest: Manifest, named: Named, dataset: Dataset, data_dir: Path, device: str) -> Site:
    """The network, layer and inputs that a folder of activations was made of, as far as its test split goes.

    Parameters
    ----------
    dataset : Dataset
        What the folder holds.

    Raises
    ------
    BenchError
        Rows cannot be put back, or network, layer or inputs are not those of the folder.
    """
    if manifest.row == "sample" and len(manifest.output_shape) > 1:
        raise BenchError(
            f"'{folder}' holds one row a sample (--pool {manifest.pool}), and the layer returns several: they cannot "
            "be put back. Extract with --pool none, and train on that."
        )
    backbone = _backbone(folder, manifest, Wanted(named.backbone or manifest.backbone, named.weights))
    source = Source(backbone, _inputs(folder, manifest, named, backbone, dataset, data_dir), torch.device(device))
    backbone.network.to(source.device)
    return _checked(folder, manifest, source, dataset)


def _backbone(folder: Path, manifest: Manifest, wanted: Wanted) -> Backbone:
    """The network that made the folder. BenchError where it is another one."""
    backbone, own = load_backbone(wanted), manifest.preprocessing
    it = f"'{wanted.reference}' is not the backbone that made '{folder}'"
    if backbone.weights() != manifest.weights:
        raise BenchError(f"{it}: its weights differ. Name the network with --backbone, and its file with --weights.")
    if backbone.code != manifest.code:
        raise BenchError(f"{it}: its code has changed. Restore it, or extract again.")
    if backbone.preparing.described != own:  # it was asked for another size or context
        backbone = load_backbone(replace(wanted, image_size=own.get("size"), context=own.get("context")))
    if backbone.preparing.described != own:
        raise BenchError(f"{it}: it prepares inputs as {backbone.preparing.described}, and the folder has {own}.")
    require_layers(backbone.network, [manifest.layer])
    return backbone


def _inputs(
    folder: Path, manifest: Manifest, named: Named, backbone: Backbone, dataset: Dataset, data_dir: Path
) -> Inputs:
    """The samples of the test split."""
    reference, preparing = named.inputs or manifest.inputs, backbone.preparing
    inputs = read_inputs(reference, data_dir, preparing if isinstance(preparing, Tokens) else None)
    if inputs.checksum != manifest.inputs_checksum:
        raise BenchError(f"'{reference}' is not what '{folder}' was made of; name its inputs with --inputs.")
    groups = dataset.test.factors["group"]
    tested = inputs.spread(manifest.limit).take(groups.unique().cpu().numpy())
    if dataset.whole:  # of many samples a row or two: as many rows, of whole samples
        tested = tested.spread(max(1, len(groups) * manifest.samples // sum(shard.rows for shard in manifest.shards)))
    return tested


def _checked(folder: Path, manifest: Manifest, source: Source, dataset: Dataset) -> Site:
    """The site, of which a batch was tried. BenchError where it returns other activations, or predicts nothing."""
    network, layer, batch = source.backbone.network, manifest.layer, source.first()
    output = first_outputs(probe(network, [layer], batch), [layer], batch)[layer]
    rows = rows_of(output, batch.mask, "none")
    groups = dataset.test.factors["group"]
    stored = dataset.test.x[groups == groups.min()]
    stored = (dataset.scaling.undone(stored) if dataset.scaling else stored).to(output)
    if rows.values.shape[1] != stored.shape[1] or not _alike(_nearest(rows.values, stored), stored):
        raise BenchError(f"'{folder}' does not hold what the layer '{layer}' returns for its inputs; extract it again.")
    logits = logits_of(call(network, batch), batch)
    _require_causal(network, batch, logits)
    inputs, size = source.inputs, manifest.batch_size
    if logits.ndim == 3:
        context = getattr(source.backbone.preparing, "context", logits.shape[1])
        size = max(1, min(size, LOGITS // (context * logits.shape[2])))
    else:
        inputs = replace(inputs, labels=_targets(network, inputs, logits.shape[1]))
    return Site(replace(source, inputs=inputs), layer, len(groups), size)


def _nearest(rows: Tensor, to: Tensor) -> Tensor:
    return rows[torch.cdist(to, rows).argmin(1)]


def _alike(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).norm() <= ALIKE * b.norm())


def logits_of(output: Any, batch: Batch) -> Tensor:
    """What a network predicts: (B, T, V) of the next tokens, or (B, C) of classes. BenchError where it is neither."""
    logits = getattr(output, "logits", output)
    fits = isinstance(logits, Tensor) and logits.is_floating_point()
    first = (*batch.positional, *batch.named.values())[0]
    if fits and logits.ndim == 3 and batch.mask is not None:
        fits = logits.shape[:2] == batch.mask.shape and int(first.max()) < logits.shape[2]
    elif fits:
        fits = logits.ndim == 2 and len(logits) == len(first)
    if not fits:
        raise BenchError(
            f"The backbone returns {described(logits)}; logits of the next tokens (B, T, V) or of classes (B, C) are "
            "needed: take the network with its head."
        )
    return logits  # type: ignore[no-any-return]


def _require_causal(network: nn.Module, batch: Batch, logits: Tensor) -> None:
    """BenchError where what is predicted of texts depends on tokens that come later: they hide nothing to predict."""
    if logits.ndim == 2 or logits.shape[1] < 2:
        return
    name, ids = next(iter(batch.named.items()))
    other = torch.cat([ids[:, :-1], (ids[:, -1:] + 1) % logits.shape[2]], 1)
    changed = logits_of(call(network, batch._replace(named={**batch.named, name: other})), batch)
    if not _alike(changed[:, :-1], logits[:, :-1]):
        raise BenchError("The backbone reads tokens before it predicts them; a causal language model is needed.")


def _targets(network: nn.Module, inputs: Inputs, n: int) -> np.ndarray:
    """Labels as places among the network's n classes, by name where it has names; -1 where there is no such place."""
    names = list((getattr(getattr(network, "config", None), "id2label", None) or {}).values())
    if inputs.class_names and set(inputs.class_names) <= set(names):
        places = np.array([names.index(name) for name in inputs.class_names])
        return np.where(inputs.labels < 0, -1, places[inputs.labels])
    return inputs.labels if len(inputs.class_names) == n else np.full(len(inputs), -1)
