"""Dictionary learning: atoms fitted by online dictionary learning, codes by OMP at k (Mairal et al. 2009).

scikit-learn's MiniBatchDictionaryLearning alternates between lasso codes, min_z ||x - z D||^2 / 2 + alpha ||z||_1, and
the atoms, on inputs that are centred and divided by sqrt(V), their root mean squared norm. Codes are those of
orthogonal matching pursuit, of either sign.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from sklearn.decomposition import MiniBatchDictionaryLearning
from torch import Tensor

from models.base import SparseCodes
from models.parts.dictionary import TiedModel
from models.parts.fitting import FittedConfig, fitting, unit_rows
from models.parts.orthogonal_pursuit import orthogonal_pursue

BATCH = 256
"""Samples of a mini-batch."""


class DictionaryLearningConfig(FittedConfig):
    """Hyperparameters of dictionary learning."""

    alpha: float = Field(0.1, gt=0, description="Weight of the L1 norm in fitting, of inputs over sqrt(V) [choice]")
    epochs: int = Field(5, ge=1, description="Passes over the samples [choice]")


class DictionaryLearning(TiedModel[DictionaryLearningConfig]):
    """Online dictionary learning, without an encoder."""

    Config = DictionaryLearningConfig
    family: ClassVar[str] = "floors"

    def __init__(self, config: DictionaryLearningConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.requires_grad_(False)

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Fit to the training inputs x (N, D)."""
        config = self.config
        with fitting(x, config.samples) as (some, seed):
            mean = some.mean(0)
            centred = some - mean
            self.bias.copy_(torch.from_numpy(mean))
            scale = np.sqrt(np.square(centred).sum(1).mean()) or 1.0
            fitted = MiniBatchDictionaryLearning(
                config.n_latents,
                alpha=config.alpha,
                max_iter=config.epochs,
                batch_size=min(BATCH, len(some)),
                fit_algorithm="cd",
                random_state=seed,
            ).fit(centred / scale)
            self.dictionary.copy_(torch.from_numpy(unit_rows(fitted.components_)))

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """Codes after k steps of orthogonal matching pursuit."""
        values, indices = orthogonal_pursue(x - self.bias, self.dictionary, k)
        return SparseCodes(values, indices, self.config.n_latents)
