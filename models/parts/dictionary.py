"""Base classes of the dictionary models: unit-norm atoms, a bias at the data's centre, sparse codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from models.base import Codes, GradientConfig, Model, ModelConfig, SparseCodes, require_inputs
from models.parts.atoms import geometric_median, normalise, random_atoms
from models.parts.sparse import Selection, decode


class KSparseConfig(ModelConfig):
    """Sizes of a k-sparse code; the defaults are the MNIST setting of arXiv 2506.05239's code."""

    n_latents: int = Field(1000, ge=1, description="M [2506.05239]")
    k: int = Field(10, ge=1, description="Active units per image, at most M [2506.05239]")

    @model_validator(mode="after")
    def _k_within_latents(self) -> Self:
        if self.k > self.n_latents:
            raise ValueError(f"k = {self.k} is more than n_latents = {self.n_latents}; choose 1 <= k <= n_latents")
        return self


class TrainedDictionaryConfig(GradientConfig):
    """Hyperparameters of a dictionary model trained by Adam; defaults from arXiv 2506.05239's code on MNIST."""

    n_latents: int = Field(1000, ge=1, description="M [2506.05239]")
    epochs: int = Field(50, ge=1, description="Passes over the training split at the full budget [2506.05239]")
    batch_size: int = Field(50, ge=1, description="Images per optimiser step [2506.05239]")


class TrainedKSparseConfig(TrainedDictionaryConfig, KSparseConfig):
    """Hyperparameters of a k-sparse model trained by Adam."""


KSparseT = TypeVar("KSparseT", bound=KSparseConfig)
"""The type of a k-sparse model's config."""


class Dictionary(nn.Module):
    """A linear decoder x_hat = z D + b, with sparse codes z and unit-norm rows of D.

    `TiedModel` and `LinearEncoderModel` inherit from it. It is not a submodule of theirs, so that its parameters keep
    their short names in the saved weights.
    """

    family: ClassVar[str] = "SAE family"
    matched_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"k": (2, 4, 10, 25, 64)}

    dictionary: nn.Parameter
    """The atoms D, (M, D); on the unit sphere from the start and after every step."""
    bias: nn.Parameter
    """b, (D,); initialised at the geometric median of the training images."""

    @torch.no_grad()
    def prepare(self, x: Tensor, labels: Tensor) -> None:
        """Centre b on the training images x (N, D)."""
        self.bias.copy_(geometric_median(x))

    def atoms(self) -> Tensor:
        """The dictionary, (M, D)."""
        return self.dictionary

    def encode_with_budget(self, x: Tensor, k: int) -> SparseCodes:
        """Codes of x (N, D) with at most k active units per sample, for any 1 <= k <= M.

        Pursuits stop after k steps. Linear encoders keep the k largest activations of each sample; BatchTopK then
        ignores its threshold.

        Raises
        ------
        ValueError
            If k is out of range, or if x has another length or contains NaN or infinities.
        """
        if not isinstance(k, int) or not 1 <= k <= len(self.dictionary):
            raise ValueError(f"k = {k} is out of range; choose 1 <= k <= n_latents = {len(self.dictionary)}")
        require_inputs(x, len(self.bias))
        return self.code(x, k)

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """The codes of `encode_with_budget`, without its checks."""
        raise NotImplementedError(f"{type(self).__name__} defines no code()")

    def reconstruct(self, values: Tensor, selection: Selection) -> Tensor:
        """Reconstructions (N, D) of the codes `values` (N, k) on the selected units."""
        return decode(values, selection, self.dictionary) + self.bias

    def decode(self, codes: Codes) -> Tensor:
        """Reconstructions (N, D) of sparse codes."""
        assert isinstance(codes, SparseCodes)
        return self.reconstruct(codes.values, Selection(codes.indices, codes.n_latents))

    def after_step(self) -> None:
        """Rescale the atoms to unit norm."""
        normalise(self.dictionary)


class TiedModel(Dictionary, Model[KSparseT]):
    """A dictionary that also serves as encoder: `code` selects k atoms for each sample, using the atoms alone."""

    def __init__(self, config: KSparseT, n_features: int) -> None:
        super().__init__(config, n_features)
        self.dictionary = random_atoms(config.n_latents, n_features)
        self.bias = nn.Parameter(torch.zeros(n_features))

    def encode(self, x: Tensor) -> SparseCodes:
        """Codes of x (N, D) with the trained k."""
        return self.code(x, self.config.k)
