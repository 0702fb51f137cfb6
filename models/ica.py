"""ICA: independent components, of which the k that contribute most are kept (Hyvarinen & Oja 2000).

scikit-learn's FastICA of the leading principal components: s = U (x - mean) has independent entries of unit variance,
x = s A + mean. Atoms are the rows of A at unit norm, and codes carry their norms; z keeps the k largest |codes|.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from sklearn.decomposition import FastICA
from torch import Tensor

from models.base import SparseCodes
from models.parts.dictionary import TiedModel
from models.parts.fitting import FittedConfig, fitting, largest_contributions, unit_rows

ROUNDING = 1e-6
"""A principal component counts as none if its standard deviation is at most this share of the largest."""


class ICAConfig(FittedConfig):
    """Hyperparameters of ICA; the data allow no more components than features."""


class ICA(TiedModel[ICAConfig]):
    """Independent components; those that the data's rank leaves over have atoms of zeros, and are never active."""

    Config = ICAConfig
    family: ClassVar[str] = "floors"

    filters: Tensor
    """What codes are read by, (M, D): z = filters (x - mean)."""

    def __init__(self, config: ICAConfig, n_features: int) -> None:
        m = min(config.n_latents, n_features)
        super().__init__(config.model_copy(update={"n_latents": m, "k": min(config.k, m)}), n_features)
        self.register_buffer("filters", torch.zeros(m, n_features))
        self.requires_grad_(False)

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Fit to the training inputs x (N, D)."""
        with fitting(x, self.config.samples) as (some, seed):
            mean = some.mean(0)
            _, sizes, directions = np.linalg.svd(some - mean, full_matrices=False)
            rank = min(int((sizes > ROUNDING * sizes[0]).sum()), self.config.n_latents)
            for part in (self.dictionary, self.filters):
                part.zero_()
            self.bias.copy_(torch.from_numpy(mean))
            if rank:
                directions = directions[:rank]
                ica = FastICA(whiten="unit-variance", random_state=seed).fit((some - mean) @ directions.T)
                atoms = ica.mixing_.T @ directions
                norms = np.linalg.norm(atoms, axis=1, keepdims=True)
                self.dictionary[:rank] = torch.from_numpy(unit_rows(atoms))
                self.filters[:rank] = torch.from_numpy(norms * (ica.components_ @ directions))

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """The k largest contributions, of either sign."""
        return largest_contributions((x - self.bias) @ self.filters.T, k)
