"""Mean: predicts the mean training image for every input; a floor for reconstruction.

No unit is ever active. The FVU is 1 or slightly more, as it is relative to the mean of the evaluated images.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from models.base import Codes, Model, ModelConfig, SparseCodes


class MeanConfig(ModelConfig):
    """Hyperparameters of the mean."""

    n_latents: int = Field(1, ge=1, description="Number of units; none is ever active")


class Mean(Model[MeanConfig]):
    """The mean training image, for every input."""

    Config = MeanConfig
    family: ClassVar[str] = "floors"
    deterministic: ClassVar[bool] = True

    mean: Tensor
    """The mean training image, (D,)."""

    def __init__(self, config: MeanConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.register_buffer("mean", torch.zeros(n_features))

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Fit to the training inputs x (N, D)."""
        self.mean.copy_(x.double().mean(0))

    def encode(self, x: Tensor) -> SparseCodes:
        unused = torch.zeros(len(x), 1, dtype=torch.int64, device=x.device)
        return SparseCodes(unused.to(x.dtype), unused, self.config.n_latents)

    def decode(self, codes: Codes) -> Tensor:
        return self.mean.expand(len(codes.dense()), -1)
