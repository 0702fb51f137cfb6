"""Random dictionary: TopK codes on random atoms that are never trained; the floor for dictionary learning.

z = s TopK(ReLU(D (x - mean))), x_hat = z D + mean. A single scale s is fitted to the training images by least squares.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from models.base import SparseCodes
from models.parts.dictionary import KSparseConfig, TiedModel
from models.parts.largest import top_k_linear


class RandomAtoms(TiedModel[KSparseConfig]):
    """TopK codes on random atoms."""

    Config = KSparseConfig
    family: ClassVar[str] = "floors"

    scale: Tensor
    """The scale s, ()."""

    def __init__(self, config: KSparseConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.register_buffer("scale", torch.ones(()))
        self.requires_grad_(False)

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Centre on the mean image and set the scale by least squares, over the training images x (N, D)."""
        self.bias.copy_(x.double().mean(0))
        overlap, energy = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        for chunk in x.split(2000):
            unscaled = self.decode(self.encode(chunk)) - self.bias
            overlap += ((chunk - self.bias) * unscaled).sum().cpu()
            energy += unscaled.square().sum().cpu()
        self.scale.copy_(overlap / energy.clamp_min(1e-12))

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """Codes on the k atoms of largest correlation with x - mean; negative values are set to zero."""
        values, indices = top_k_linear(x - self.bias, self.dictionary, self.bias.new_zeros(len(self.dictionary)), k)
        return SparseCodes(self.scale * values.relu(), indices, self.config.n_latents)
