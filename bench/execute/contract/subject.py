"""A model that is checked: its class, its default config, and models of it that are made, prepared and trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute.contract.checking import form_of
from bench.execute.seeding import seed_everything
from bench.execute.training import train
from bench.plugins.plugin import Plugin
from models.base import DenseCodes, GradientConfig, Model, ModelConfig, SparseCodes
from models.capabilities import Fittable

STEPS = 20
"""Optimiser steps of a short training."""

N_ENCODED = 20
"""Samples that codes are compared on."""

BATCH = 32
"""Samples of a batch where the config does not say."""


@dataclass(frozen=True)
class Subject:
    """A model class under test, at its default config, on a data set."""

    plugin: Plugin
    """What names it."""
    cls: type[Model]
    """Its class."""
    dataset: Dataset
    """What it is tried on."""
    data_dir: Path
    """Where data sets are."""

    @cached_property
    def config(self) -> ModelConfig:
        """The default config; of as many units as inputs half, so that atoms (M, D) are told from (D, M)."""
        make: Any = self.cls.Config
        config: ModelConfig = make()
        if config.n_latents != self.dataset.n_features:
            return config
        try:
            half: ModelConfig = make(n_latents=config.n_latents // 2)
            self.cls(half, self.dataset.n_features)
        except Exception:  # a model may ask for more, or for a size of its own
            return config
        return half

    @cached_property
    def trained(self) -> Model:
        """A model after a short training, in evaluation mode."""
        model = self.train(self.dataset.train)
        return model.eval()

    @property
    def by_gradient(self) -> bool:
        """Whether it is trained by its loss."""
        return not issubclass(self.cls, Fittable)

    @property
    def batch(self) -> tuple[Tensor, Tensor]:
        """Inputs and labels of a training batch, as copies."""
        size = self.config.batch_size if isinstance(self.config, GradientConfig) else BATCH
        data = self.dataset.train.head(size)
        return data.x, data.labels

    @property
    def inputs(self) -> Tensor:
        """Test inputs, as a copy."""
        return self.dataset.test.head(N_ENCODED).x

    @property
    def budgets(self) -> Sequence[int]:
        """Numbers of active units that a model whose budget can be set is tried with."""
        return sorted({1, getattr(self.config, "k", None) or 1, self.config.n_latents})

    def fresh(self) -> Model:
        """An untrained model, always the same, where the data are."""
        seed_everything(0, "contract", "initialisation")
        return self.cls(self.config, self.dataset.n_features).to(self.dataset.train.x.device)

    def prepared(self) -> Model:
        """An untrained model in training mode, ready for its first step."""
        model = self.fresh()
        seed_everything(0, "contract", "noise")
        model.prepare(self.dataset.train.x.clone(), self.dataset.train.labels.clone())
        return model.train()

    def train(self, data: Split) -> Model:
        """A model that the harness has trained for a few steps, or fitted."""
        model = self.fresh()
        seed_everything(0, "contract", "noise")
        own = Split(data.x.clone(), data.labels.clone())  # a model may change its inputs
        train(model, own, batches_seed=0, max_steps=STEPS)
        return model


def flaw_of_values(what: str, values: object, shape: tuple[int, ...]) -> str:
    """What is wrong with numbers that should be a finite tensor of a shape; "" for nothing."""
    if not isinstance(values, Tensor):
        return f"{what} is {type(values).__name__}; expected a tensor."
    if tuple(values.shape) != shape:
        return f"{what} has the shape {tuple(values.shape)}; expected {shape}."
    if values.is_complex():
        return f"{what} is {values.dtype}; expected real numbers."
    if bad := int((~values.isfinite()).sum()):
        return f"{what} has values that are NaN or infinite: {bad} of {values.numel()}."
    return ""


def flaw_of_codes(what: str, codes: object, n: int, n_latents: int) -> str:
    """What is wrong with codes of n samples; "" for nothing."""
    if isinstance(codes, DenseCodes):
        return flaw_of_values(f"z of {what}", codes.z, (n, n_latents)) or _flaw_of_gamma(what, codes, (n, n_latents))
    if not isinstance(codes, SparseCodes):
        return f"{what} returns {type(codes).__name__}; expected models.base.DenseCodes or SparseCodes."
    values, indices = codes.values, codes.indices
    if codes.n_latents != n_latents:
        return f"n_latents of {what} is {codes.n_latents}; expected {n_latents}, that of the config."
    if not isinstance(values, Tensor) or values.ndim != 2 or len(values) != n:
        return f"values of {what} has the shape {tuple(getattr(values, 'shape', ()))}; expected ({n}, k)."
    if not isinstance(indices, Tensor) or indices.shape != values.shape or indices.dtype != torch.int64:
        return f"indices of {what} is {form_of(indices)}; expected torch.int64 {tuple(values.shape)}, as its values."
    if indices.numel() and (indices.min() < 0 or indices.max() >= n_latents):
        return (
            f"indices of {what} go from {int(indices.min())} to {int(indices.max())}; expected units in "
            f"[0, {n_latents})."
        )
    return flaw_of_values(f"values of {what}", values, tuple(values.shape))


def _flaw_of_gamma(what: str, codes: DenseCodes, shape: tuple[int, ...]) -> str:
    if codes.gamma is None:
        return ""
    flaw = flaw_of_values(f"gamma of {what}", codes.gamma, shape)
    if not flaw and (codes.gamma.min() < 0 or codes.gamma.max() > 1):
        low, high = codes.gamma.min().item(), codes.gamma.max().item()
        return f"gamma of {what} goes from {low:.4g} to {high:.4g}; expected probabilities in [0, 1]."
    return flaw
