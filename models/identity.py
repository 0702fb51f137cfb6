"""Identity: the inputs themselves as units; a floor for interpretability and for the recovery of known factors.

A unit is a pixel, so a model that is read no better than this one has added nothing. Its reconstruction is exact and
its codes are as dense as the data.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from models.base import Codes, DenseCodes, Model, ModelConfig


class IdentityConfig(ModelConfig):
    """Hyperparameters of the identity."""

    n_latents: int = Field(1, ge=1, description="Not used: there are as many units as inputs, whatever the data")


class Identity(Model[IdentityConfig]):
    """A unit for each input, whose code is the input."""

    Config = IdentityConfig
    family: ClassVar[str] = "floors"
    deterministic: ClassVar[bool] = True

    def __init__(self, config: IdentityConfig, n_features: int) -> None:
        super().__init__(config.model_copy(update={"n_latents": n_features}), n_features)

    def fit(self, x: Tensor) -> None:
        """Nothing is fitted."""

    def encode(self, x: Tensor) -> DenseCodes:
        return DenseCodes(x)

    def decode(self, codes: Codes) -> Tensor:
        return codes.dense()
