"""What a model makes of a split: codes, reconstructions, what is known of the data, ways to make more.

All that metrics may ask for, by name (`metrics.needs`), and all that views are made of: one encoding serves both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, vstack
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.errors import message_of
from bench.execute.intact import intact
from metrics import matrix
from metrics.matrix import Matrix, entries, evenly_spaced, rows
from metrics.needs import NEEDS, TRAIN
from models.base import Codes, DenseCodes, Model, SparseCodes
from models.capabilities import (
    Budgeted,
    HasAtoms,
    HasLikelihood,
    HasPosterior,
    HasPreactivations,
    HasPseudoLabels,
    Stochastic,
)
from models.parts.hardware import products_in
from models.parts.sparse import codes_like

SPIKE_ON = 0.5
BATCH_SIZE = 1000
MAX_TRAIN = 5000
"""Training samples that probes are fitted on, and units chosen on, evenly spaced."""


class InvalidOutputError(Exception):
    """A model's codes or reconstructions cannot be measured."""


@dataclass(frozen=True)
class Outputs:
    """What a model makes of a split of a data set."""

    model: Model
    """In evaluation mode."""
    dataset: Dataset
    """Whose split it is."""
    split: Split
    """The samples."""
    values: dict[str, Any]
    """By the names of `metrics.needs`; what the model or the data set cannot give is absent."""
    failed: dict[str, str] = field(default_factory=dict)
    """By the same names, what the model should give and did not: the error."""

    def given(self, needs: Collection[str]) -> dict[str, Any]:
        """The values for some needs: with labels among them, of the samples that have one."""
        values = dict(self.values)
        for prefix in ("", TRAIN):
            if f"{prefix}labels" in needs:
                values |= self._labelled[prefix]
        return values

    @cached_property
    def _labelled(self) -> dict[str, dict[str, Any]]:
        """By prefix, what has a row for each sample, without the samples that have no label."""
        names = {name for name, need in NEEDS.items() if need.of_samples} | self.split.factors.keys()
        found: dict[str, dict[str, Any]] = {"": {}, TRAIN: {}}
        for prefix, values in found.items():
            labels = self.values.get(f"{prefix}labels")
            if labels is not None and bool((labels < 0).any()):
                known = (labels >= 0).nonzero().squeeze(1)
                here = [f"{prefix}{name}" for name in names if f"{prefix}{name}" in self.values]
                values |= {name: rows(self.values[name], known) for name in here}
        return found


@torch.no_grad()
@products_in("float32")
def outputs_of(
    model: Model, dataset: Dataset, split: Split, needs: Collection[str] = (), batch_size: int = BATCH_SIZE
) -> Outputs:
    """Encode and decode a split, once; what costs another pass only where it is among the needs."""
    model.eval()
    values = known_of(dataset, split) | {"model": model} | _codes(model, split.x, batch_size)
    values |= _ways(model, model.encode(split.x[:1]))
    if "mean_embedding" in needs:
        values["mean_embedding"] = _embedding(dataset.train, split).mean(0)
    if any(need.startswith(TRAIN) for need in needs):
        train = dataset.train.take(evenly_spaced(len(dataset.train), MAX_TRAIN))
        known = {**train.factors, "x": train.x, **_labels(train), **_codes(model, train.x, batch_size)}
        known["embedding"] = _embedding(train, split)
        values |= {f"{TRAIN}{name}": value for name, value in known.items()}
    failed = {}
    if isinstance(model, HasAtoms):
        try:
            values["atoms"] = model.atoms()
            _require("atoms", values["atoms"], (model.config.n_latents, model.n_features))
        except (Exception, SystemExit) as error:  # it may be a plug-in, and what needs no atoms stands
            values.pop("atoms", None)
            failed["atoms"] = f"{type(error).__name__}: {message_of(error)}"
    return Outputs(model, dataset, split, values, failed)


def known_of(dataset: Dataset, split: Split) -> dict[str, Any]:
    """What is known of a split without a model, by the names of `metrics.needs`."""
    # The inputs come first, and are these whatever a factor may be called.
    inputs = {"x": split.x, "embedding": _embedding(split, split)}
    known: dict[str, Any] = {**inputs, **split.factors, **dataset.truth, **inputs}
    if dataset.scaling:
        known["own_units"] = dataset.scaling.undone
    return known | _labels(split) | _categories(dataset, split.x.device)


def _embedding(split: Split, measured: Split) -> Tensor:
    """What another network makes of the inputs of a split, where the measured split has that; else the inputs."""
    return split.factors["embedding"] if "embedding" in measured.factors else split.x


def _labels(split: Split) -> dict[str, Tensor]:
    """The labels, where any sample has one."""
    return {"labels": split.labels} if bool((split.labels >= 0).any()) else {}


def _categories(dataset: Dataset, device: torch.device) -> dict[str, Any]:
    if not dataset.categories:
        return {}
    names = sorted(set(dataset.categories))
    index = torch.tensor([names.index(name) for name in dataset.categories], device=device)
    return {"categories": index, "category_names": names}


def _ways(model: Model, form: Codes) -> dict[str, Any]:
    """The model's own functions, on dense codes (N, M), which it decodes in the form of its own."""

    def decode(z: Tensor) -> Tensor:
        return model.decode(codes_like(form, z))

    ways: dict[str, Any] = {"encode": _densely(model.encode), "decode": decode}
    if isinstance(model, Budgeted):
        ways["encode_with_budget"] = _densely(model.encode_with_budget)
    if isinstance(model, Stochastic):
        ways["sample"] = _densely(model.sample)
    if isinstance(model, HasPosterior):
        ways["posterior_mean"] = model.posterior_mean
    if isinstance(model, HasPseudoLabels):
        ways["pseudo_labels"] = model.pseudo_labels
    if isinstance(model, HasPreactivations):
        ways["preactivations"] = model.preactivations
    if isinstance(model, HasLikelihood):
        ways["likelihood"] = model
    if (k := getattr(model.config, "k", None)) is not None:
        ways["k"] = k
    return ways


def _densely(function: Callable[..., Codes]) -> Callable[..., Tensor]:
    return lambda *arguments: function(*arguments).dense()


def _codes(model: Model, x: Tensor, batch_size: int) -> dict[str, Any]:
    """z, gamma, gamma_hard and active, (N, M), CSR where they are large and sparse; and x_hat (N, D)."""
    model.require_inputs(x)
    shape = (len(x), model.config.n_latents)
    x_hat, parts, gammas = torch.empty_like(x), [], []
    large = math.prod(shape) > matrix.MAX_ENTRIES
    for start in range(0, len(x), batch_size):
        batch = x[start : start + batch_size]
        with intact("encode()", {"x": x}):
            codes = model.encode(batch)
        parts.append(_csr(codes) if large and isinstance(codes, SparseCodes) else codes.dense())
        _require("encode", parts[-1], (len(batch), shape[1]))
        with intact("decode()", {"x": x, **{f"codes.{name}": value for name, value in vars(codes).items()}}):
            decoded = model.decode(codes)
        _require("decode", decoded, tuple(batch.shape))
        x_hat[start : start + batch_size] = decoded
        if isinstance(codes, DenseCodes) and codes.gamma is not None:
            gammas.append(codes.gamma)
    z = vstack(parts, format="csr") if isinstance(parts[0], csr_array) else torch.cat(parts)
    values: dict[str, Any] = {"z": z, "x_hat": x_hat}
    if gammas:
        values["gamma"] = torch.cat(gammas)
        _require("encode (its gamma)", values["gamma"], shape, low=0.0, high=1.0)
        values["active"] = values["gamma_hard"] = values["gamma"] > SPIKE_ON
        return values
    values["active"] = _active(z, model.dead_variance)
    if isinstance(codes, SparseCodes) or (not model.dense and bool((z == 0).any())):
        values["gamma_hard"] = values["active"]
        values["gamma"] = values["active"].float() if isinstance(z, Tensor) else values["active"]
    return values


def _active(z: Matrix, dead_variance: float) -> Matrix:
    """Where a unit is on; a unit whose code varies less than the bound never is."""
    if not isinstance(z, Tensor):
        return csr_array((np.ones(z.nnz, np.bool_), z.indices, z.indptr), shape=z.shape)
    return (z != 0) & (z.var(0, correction=0) >= dead_variance)


def _csr(codes: SparseCodes) -> csr_array:
    """Codes of one batch, without the slots that are not used."""
    n, k = codes.indices.shape
    # Copies: summing duplicates sorts them in place, and the model decodes these codes yet.
    values, indices = codes.values.cpu().numpy().flatten(), codes.indices.cpu().numpy().astype(np.int32).flatten()
    result = csr_array((values, indices, np.arange(0, n * k + 1, k, dtype=np.int32)), shape=(n, codes.n_latents))
    result.sum_duplicates()
    result.eliminate_zeros()
    return result


def _require(what: str, values: Matrix, shape: tuple[int, ...], low: float = -math.inf, high: float = math.inf) -> None:
    """InvalidOutputError where a model returns another shape, NaN, an infinity, or values out of range."""
    if tuple(values.shape) != shape:
        raise InvalidOutputError(f"{what} returned the shape {tuple(values.shape)}, expected {shape}")
    numbers = entries(values)
    if numbers.is_complex():
        raise InvalidOutputError(f"{what} returned {numbers.dtype}, expected real numbers")
    bad = int((~numbers.isfinite()).sum())
    if bad:
        raise InvalidOutputError(f"{what} returned {bad} values that are NaN or infinite, of {numbers.numel()}")
    if numbers.numel() and (numbers.min() < low or numbers.max() > high):
        raise InvalidOutputError(f"{what} returned values outside [{low}, {high}]")
