"""What the k-sparse dictionary models share: unit-norm atoms, a bias at the data's centre, and a sparse decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from models.atoms import geometric_median, normalise, random_atoms
from models.base import Codes, GradientConfig, Model, ModelConfig, SparseCodes
from models.sparse import Selection, decode


class KSparseConfig(ModelConfig):
    """Sizes of a k-sparse code; the defaults are the MNIST setting of arXiv 2506.05239's code."""

    n_latents: int = Field(1000, ge=1, description="M [2506.05239]")
    k: int = Field(10, ge=1, description="Active units per image, at most M [2506.05239]")

    @model_validator(mode="after")
    def _k_within_latents(self) -> Self:
        if self.k > self.n_latents:
            raise ValueError(f"k = {self.k} is more than n_latents = {self.n_latents}; choose 1 <= k <= n_latents")
        return self


class TrainedKSparseConfig(GradientConfig, KSparseConfig):
    """A k-sparse model trained by Adam, on the budget of arXiv 2506.05239's code."""

    n_latents: int = Field(1000, ge=1, description="M [2506.05239]")
    epochs: int = Field(50, ge=1, description="Passes over the training split at the full budget [2506.05239]")
    batch_size: int = Field(50, ge=1, description="Images per optimiser step [2506.05239]")


class DictionaryModel(Model):
    """x_hat = z D + b, with at most k active units per sample and unit-norm rows of D.

    Attributes
    ----------
    dictionary : Parameter, (M, D)
        Atoms; on the unit sphere from the start and after every step.
    bias : Parameter, (D,)
        b, initialised at the geometric median of the training images.
    """

    matched_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"k": (4, 8, 16, 32)}

    def __init__(self, config: Any, n_features: int) -> None:
        super().__init__(config, n_features)
        self.dictionary = random_atoms(config.n_latents, n_features)
        self.bias = nn.Parameter(torch.zeros(n_features))

    @torch.no_grad()
    def prepare(self, x: Tensor, labels: Tensor) -> None:
        self.bias.copy_(geometric_median(x))

    def atoms(self) -> Tensor:
        """The dictionary, (M, D)."""
        return self.dictionary

    def reconstruct(self, values: Tensor, selection: Selection) -> Tensor:
        """Reconstructions (N, D) of the codes `values` (N, k) on the selected units."""
        return decode(values, selection, self.dictionary) + self.bias

    def decode(self, codes: Codes) -> Tensor:
        assert isinstance(codes, SparseCodes)
        return self.reconstruct(codes.values, Selection(codes.indices, codes.n_latents))

    def after_step(self) -> None:
        normalise(self.dictionary)
