"""k-means: a sample is coded by its nearest centre alone; the floor of one unit a sample (Lloyd 1982).

z_j = 1 for the nearest centre, else 0; x_hat = z C. scikit-learn's KMeans, on many samples its MiniBatchKMeans.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from models.base import Codes, Model, ModelConfig, SparseCodes
from models.parts.clusters import centroids
from models.parts.fitting import fitting


class KMeansConfig(ModelConfig):
    """Hyperparameters of k-means."""

    n_latents: int = Field(64, ge=1, description="Centres M; of no more distinct ones than samples [choice]")
    samples: int = Field(20000, ge=1, description="Training samples, evenly spread, that it is fitted on [choice]")


class KMeans(Model[KMeansConfig]):
    """The nearest of M centres."""

    Config = KMeansConfig
    family: ClassVar[str] = "floors"

    centres: Tensor
    """The centres C, (M, D)."""

    def __init__(self, config: KMeansConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.register_buffer("centres", torch.zeros(config.n_latents, n_features))

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Fit to the training inputs x (N, D)."""
        with fitting(x, self.config.samples) as (some, seed):
            self.centres.copy_(torch.from_numpy(centroids(some, self.config.n_latents, seed)))

    def atoms(self) -> Tensor:
        """The centres, (M, D)."""
        return self.centres

    def encode(self, x: Tensor) -> SparseCodes:
        nearest = (self.centres.square().sum(1) - 2 * x @ self.centres.T).argmin(1, keepdim=True)  # first of equals
        return SparseCodes(torch.ones_like(nearest, dtype=x.dtype), nearest, self.config.n_latents)

    def decode(self, codes: Codes) -> Tensor:
        return codes.dense() @ self.centres
