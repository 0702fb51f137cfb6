"""What the dictionary models share: unit-norm atoms, a bias at the data's centre, sparse codes, a linear encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from models.base import Codes, GradientConfig, Model, ModelConfig, SparseCodes
from models.parts.atoms import geometric_median, normalise, project_gradient, random_atoms
from models.parts.largest import top_k_linear
from models.parts.sparse import Selection, decode, pack


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
    """A dictionary model trained by Adam, with the sizes and the budget of arXiv 2506.05239's code on MNIST."""

    n_latents: int = Field(1000, ge=1, description="M [2506.05239]")
    epochs: int = Field(50, ge=1, description="Passes over the training split at the full budget [2506.05239]")
    batch_size: int = Field(50, ge=1, description="Images per optimiser step [2506.05239]")


class TrainedKSparseConfig(TrainedDictionaryConfig, KSparseConfig):
    """A k-sparse model trained by Adam."""


class DictionaryModel(Model):
    """x_hat = z D + b, with sparse codes z and unit-norm rows of D.

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

    def encode_with_budget(self, x: Tensor, k: int) -> SparseCodes:
        """Codes of x (N, D) with at most k active units per sample, 1 <= k <= M, whatever k was trained.

        Pursuits stop after k steps; encoders keep each sample's k largest activations, BatchTopK without its threshold.

        Raises
        ------
        ValueError
            For k out of range, and for inputs of another length or with NaN or infinities.
        """
        if not isinstance(k, int) or not 1 <= k <= self.config.n_latents:
            raise ValueError(f"k = {k} is out of range; choose 1 <= k <= n_latents = {self.config.n_latents}")
        self.require_inputs(x)
        return self.code(x, k)

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """The k-sparse codes behind `encode_with_budget`, unchecked."""
        raise NotImplementedError(f"{type(self).__name__} defines no code()")

    def reconstruct(self, values: Tensor, selection: Selection) -> Tensor:
        """Reconstructions (N, D) of the codes `values` (N, k) on the selected units."""
        return decode(values, selection, self.dictionary) + self.bias

    def decode(self, codes: Codes) -> Tensor:
        assert isinstance(codes, SparseCodes)
        return self.reconstruct(codes.values, Selection(codes.indices, codes.n_latents))

    def after_step(self) -> None:
        normalise(self.dictionary)


class LinearEncoderModel(DictionaryModel):
    """A dictionary model whose codes come from pre-activations W (x - b) + b_enc, W initialised to the atoms.

    Attributes
    ----------
    encoder, encoder_bias : Parameter, (M, D), (M,)
        W and b_enc.
    """

    def __init__(self, config: Any, n_features: int) -> None:
        super().__init__(config, n_features)
        self.encoder = nn.Parameter(self.dictionary.detach().clone())
        self.encoder_bias = nn.Parameter(torch.zeros(config.n_latents))

    def preactivations(self, x: Tensor) -> Tensor:
        """W (x - b) + b_enc of x (N, D): (N, M)."""
        return F.linear(x - self.bias, self.encoder, self.encoder_bias)

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """The k largest of each sample's rectified pre-activations."""
        values, indices = top_k_linear(x - self.bias, self.encoder, self.encoder_bias, k)
        return SparseCodes(values.relu(), indices, self.config.n_latents)

    def after_backward(self) -> None:
        project_gradient(self.dictionary)


def sparse_codes(z: Tensor) -> SparseCodes:
    """Codes (N, M) that are mostly zeros, as sparse codes with as many slots as the fullest row needs."""
    rows, units = z.nonzero(as_tuple=True)
    values, selection = pack(z[rows, units], rows, units, *z.shape)
    return SparseCodes(values, selection.indices, z.shape[1])
