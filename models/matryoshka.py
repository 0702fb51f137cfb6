"""Matryoshka SAE: nested dictionaries, each of which reconstructs alone (Bussmann et al. 2025, arXiv 2503.17547).

A BatchTopK code; the loss is the mean error of b alone and of x_hat from the first m_1, m_2, ..., M units, so that
early units learn what is general. AuxK sees the residual of the whole.
"""

from __future__ import annotations

from itertools import accumulate
from typing import ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from models.batchtopk import BatchTopK, BatchTopKConfig
from models.parts.sparse import Selection, decode


class MatryoshkaConfig(BatchTopKConfig):
    """Hyperparameters of the Matryoshka SAE."""

    groups: tuple[float, ...] = Field(
        (0.0625, 0.125, 0.25, 0.5625), description="Shares of the units that each prefix adds [2504.02821]"
    )

    @field_validator("groups")
    @classmethod
    def _shares(cls, groups: tuple[float, ...]) -> tuple[float, ...]:
        if not groups or min(groups) <= 0 or abs(sum(groups) - 1) > 1e-6:
            raise ValueError("give positive shares that sum to 1")
        return groups


class Matryoshka(BatchTopK):
    """Matryoshka BatchTopK sparse autoencoder."""

    Config: ClassVar[type[MatryoshkaConfig]] = MatryoshkaConfig

    def prefixes(self) -> list[int]:
        """Sizes m_1 < m_2 < ... = M of the nested dictionaries."""
        n_latents = self.config.n_latents
        return sorted({max(1, round(n_latents * share)) for share in accumulate(self.config.groups)} | {n_latents})

    def reconstruction_error(self, x: Tensor, values: Tensor, selection: Selection) -> tuple[Tensor, Tensor]:
        residual = x - self.bias
        errors = [residual.square().sum(1).mean()]
        start = 0
        for end in self.prefixes():
            inside = (selection.indices >= start) & (selection.indices < end)
            group = Selection(selection.indices, selection.n_latents, inside & (values > 0))
            residual = residual - decode(torch.where(inside, values, 0.0), group, self.dictionary)
            errors.append(residual.square().sum(1).mean())
            start = end
        return torch.stack(errors).mean() / self.variance, residual
