"""Matryoshka SAE: nested dictionaries that each reconstruct the input (Bussmann et al. 2025, arXiv 2503.17547).

Codes are those of BatchTopK. The loss is the mean error of several reconstructions: from b alone, and from the first
m_1, m_2, ..., M units. Early units thereby learn general features. AuxK uses the residual of the full dictionary.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from pydantic import Field, field_validator
from torch import Tensor

from models.base import Losses, SparseCodes
from models.batchtopk import BatchTopKConfig
from models.exchange.checkpoint import Checkpoint
from models.parts.batch_topk import NO_BATCH_YET, above_threshold, largest_of_batch
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.sparse import Selection, decode, sort_numbers


class MatryoshkaConfig(BatchTopKConfig):
    """Hyperparameters of the Matryoshka SAE."""

    groups: tuple[float, ...] = Field(
        (0.0625, 0.125, 0.25, 0.5625), description="Share of the units that each nested dictionary adds [2504.02821]"
    )

    @field_validator("groups")
    @classmethod
    def _shares(cls, groups: tuple[float, ...]) -> tuple[float, ...]:
        if not groups or min(groups) <= 0 or abs(sum(groups) - 1) > 1e-6:
            raise ValueError("give positive shares that sum to 1")
        return groups


class Matryoshka(LinearEncoderModel[MatryoshkaConfig]):
    """Matryoshka BatchTopK sparse autoencoder."""

    Config = MatryoshkaConfig
    capturable = True

    threshold: Tensor
    """The value that a pre-activation must exceed at inference, ()."""
    nest: Tensor
    """The smallest nested dictionary that has each unit, counted from 0, (M,) int64."""

    def __init__(self, config: MatryoshkaConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.register_buffer("threshold", torch.tensor(NO_BATCH_YET))
        nest = torch.bucketize(torch.arange(config.n_latents), torch.tensor(self.prefixes()), right=True)
        self.register_buffer("nest", nest, persistent=False)

    def prefixes(self) -> list[int]:
        """Sizes m_1 < m_2 < ... = M of the nested dictionaries."""
        n_latents = self.config.n_latents
        return sorted({max(1, round(n_latents * share)) for share in accumulate(self.config.groups)} | {n_latents})

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        with torch.no_grad():
            pre = self.preactivations(x)
            values, selection = largest_of_batch(pre, self.config.k, self.threshold, self.config.threshold_rate)
        values = self.selected_activations(x, values, selection)
        residuals = self._residuals(x, values, selection)
        fvu = residuals.square().sum(2).mean() / self.variance
        return self.auxk.losses(self, x, values, selection, fvu, residuals[-1])

    def _residuals(self, x: Tensor, values: Tensor, selection: Selection) -> Tensor:
        """Of the reconstructions of x (N, D) from b alone, and from each nested dictionary in turn: (G + 1, N, D).

        `values` (E,) are of a list of units.
        """
        assert selection.samples is not None  # a list has them
        # What a dictionary adds to those inside it is decoded as a sample of its own.
        n_parts = len(self.prefixes()) * len(x)
        parts, order = sort_numbers(self.nest[selection.indices] * len(x) + selection.samples, n_parts)
        entries = Selection(selection.indices[order], self.config.n_latents, None, parts.long(), n_parts)
        added = decode(values[order], entries, self.dictionary).view(-1, *x.shape)
        alone = x - self.bias
        return torch.cat([alone[None], alone - added.cumsum(0)])

    def encode(self, x: Tensor) -> SparseCodes:
        return above_threshold(self.preactivations(x), self.threshold)

    def as_checkpoint(self) -> Checkpoint:
        """Pre-activations above the threshold of inference."""
        return self._as("jumprelu", threshold=self.threshold.clamp_min(0))
