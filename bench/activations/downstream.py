"""What a network makes of its inputs where a layer's output is a model's reconstruction of it, zero, or its mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bench.activations.feeding import batches_of
from bench.activations.layers import call, output_of, replaced, rows_of, watched
from bench.activations.preparing import Batch
from bench.activations.site import Site, logits_of
from bench.datasets.base import Dataset
from bench.datasets.progress import followed
from models.base import Model

ROWS = 1000
"""Rows that a model encodes at a time."""

Change = Callable[[Tensor], Tensor]
"""From the rows of a layer (R, D) to those that take their place."""


@dataclass(frozen=True)
class Effects:
    """How well a network predicts with its layer's output "original", "reconstructed", "zero" and "mean"."""

    losses: Mapping[str, Tensor]
    """Cross-entropy in nats of each next token (T,), float64; empty for a network that predicts none."""
    hits: Mapping[str, Tensor]
    """Whether the class is right, of each sample that has one (N,); empty for a network that knows no such classes."""
    divergences: Tensor
    """KL divergence in nats of the predictions with the reconstruction from the original ones, (T,) or (N,)."""


@torch.no_grad()
def effects(site: Site, model: Model, dataset: Dataset, limit: int | None) -> Effects:
    """What a network predicts with a layer's output replaced at every place that has a row.

    Parameters
    ----------
    model : Model
        On the network's device, trained on `dataset`.
    limit : int, optional
        Rows at most, of whole samples.
    """
    inputs = site.source.inputs
    if limit is not None and limit < site.rows:
        inputs = inputs.spread(max(1, len(inputs) * limit // site.rows))
    labels = torch.from_numpy(inputs.labels).to(site.source.device).split(site.batch_size)
    batches = batches_of(replace(site.source, inputs=inputs), site.batch_size)
    losses, hits = defaultdict[str, list[Tensor]](list), defaultdict[str, list[Tensor]](list)
    divergences, changes = [], _changes(model.eval(), dataset)
    for batch, classes in zip(followed("replacing a layer", batches, len(labels)), labels, strict=True):
        for name, logits in _conditions(site, changes, batch):
            predicted, targets = _predictions(logits, batch, classes)
            if name == "original":
                original = predicted
            elif name == "reconstructed":
                divergences.append((original.exp() * (original - predicted)).sum(1).clamp_min(0))
            known, kept = targets[targets >= 0], predicted[targets >= 0]
            if logits.ndim == 3:
                losses[name].append(-kept.gather(1, known[:, None]).squeeze(1).double())
            elif len(known):
                hits[name].append(kept.argmax(1) == known)
    return Effects(_joined(losses), _joined(hits), torch.cat(divergences).double().cpu())


def _conditions(site: Site, changes: Mapping[str, Change], batch: Batch) -> Iterator[tuple[str, Tensor]]:
    """The logits of a batch as it is, and with each change."""
    network, layer = site.source.backbone.network, site.layer
    with watched(network, [layer], whole=True) as returned:
        logits = logits_of(call(network, batch), batch)
    rows = rows_of(output_of(layer, returned[layer][0], batch), batch.mask, "none").values.clone()
    yield "original", logits
    for name, change in changes.items():
        with replaced(network, layer, change(rows), batch.mask):
            logits = logits_of(call(network, batch), batch)
        yield name, logits


def _changes(model: Model, dataset: Dataset) -> dict[str, Change]:
    """What takes the place of rows: what a model makes of them, zeros, and the mean of the training rows."""
    scaling, mean = dataset.scaling, dataset.train.x.mean(0)
    mean = scaling.undone(mean) if scaling else mean

    def reconstructed(rows: Tensor) -> Tensor:
        x = scaling.of(rows) if scaling else rows
        x_hat = torch.cat([model.decode(model.encode(part)) for part in x.split(ROWS)])
        return scaling.undone(x_hat) if scaling else x_hat

    return {"reconstructed": reconstructed, "zero": torch.zeros_like, "mean": lambda rows: mean.expand_as(rows)}


def _predictions(logits: Tensor, batch: Batch, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities (P, V) of what is predicted, and what it is (P,): the class of a sample, or the next token."""
    if logits.ndim == 3 and batch.mask is not None:
        there = batch.mask[:, 1:]
        ids = next(iter(batch.named.values()))
        logits, classes = logits[:, :-1][there], ids[:, 1:][there]
    return logits.float().log_softmax(1), classes


def _joined(parts: Mapping[str, list[Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat(each).cpu() for name, each in parts.items()}
