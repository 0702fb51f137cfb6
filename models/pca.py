"""PCA: the best linear code of its size, which is dense; a floor for reconstruction (Pearson 1901).

x_hat = mean + (x - mean) V^T V, where the rows of V are the M leading eigenvectors of the training covariance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from models.base import Codes, DenseCodes, Model, ModelConfig


class PCAConfig(ModelConfig):
    """Hyperparameters of PCA."""

    n_latents: int = Field(
        10, ge=1, description="Components M; D where it is more; 10 = the L0 of the sparse models [choice]"
    )


class PCA(Model[PCAConfig]):
    """Principal components, by the eigendecomposition of the (D, D) covariance in float64."""

    Config = PCAConfig
    family: ClassVar[str] = "floors"
    dense: ClassVar[bool] = True
    deterministic: ClassVar[bool] = True
    matched_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"n_latents": (2, 4, 10, 25, 64)}

    mean: Tensor
    """The mean image, (D,)."""
    components: Tensor
    """The leading eigenvectors, (M, D), orthonormal."""

    def __init__(self, config: PCAConfig, n_features: int) -> None:
        n_latents = min(config.n_latents, n_features)  # no more directions are orthogonal
        super().__init__(config.model_copy(update={"n_latents": n_latents}), n_features)
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("components", torch.zeros(n_latents, n_features))

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Fit to the training inputs x (N, D)."""
        self.mean.copy_(x.double().mean(0))
        centred = x - self.mean
        covariance = (centred.T @ centred).double() / len(x)
        leading = torch.linalg.eigh(covariance).eigenvectors.T.flip(0)[: self.config.n_latents]
        largest = leading.gather(1, leading.abs().argmax(1, keepdim=True))
        self.components.copy_(leading * largest.sign())  # a fixed sign: the same data give the same components

    def atoms(self) -> Tensor:
        """The components, (M, D), orthonormal."""
        return self.components

    def encode(self, x: Tensor) -> DenseCodes:
        return DenseCodes((x - self.mean) @ self.components.T)

    def decode(self, codes: Codes) -> Tensor:
        return codes.dense() @ self.components + self.mean
