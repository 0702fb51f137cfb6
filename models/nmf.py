"""NMF: non-negative atoms and codes, of which the k that contribute most are kept (Lee & Seung 1999).

scikit-learn's NMF fits x ~ z D with z, D >= 0. Atoms have unit norm. Codes are the non-negative least-squares solution,
min_{z >= 0} ||x - z D||^2, of which the k largest are kept; there is no bias.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from sklearn.decomposition import NMF as ScikitNMF
from torch import Tensor

from models.base import DoesNotApplyError, SparseCodes
from models.parts.dictionary import TiedModel
from models.parts.fitting import FittedConfig, fitting, largest_contributions, unit_rows

FIT_STEPS = 50
"""Alternations between codes and atoms."""

CODE_STEPS = 200
"""Steps of accelerated projected gradient descent that find a code."""


class NMFConfig(FittedConfig):
    """Hyperparameters of NMF."""


class NMF(TiedModel[NMFConfig]):
    """Non-negative matrix factorisation, of inputs that are 0 or more."""

    Config = NMFConfig
    family: ClassVar[str] = "floors"

    def __init__(self, config: NMFConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.requires_grad_(False)

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Fit to the training inputs x (N, D); DoesNotApplyError if some are below 0."""
        if (least := x.min().item()) < 0:
            raise DoesNotApplyError(
                f"x goes down to {least:.4g}, and NMF is of values of 0 or more; name data that are as they were "
                "measured (DATA:normalise=none), or use dictionary-learning"
            )
        with fitting(x, self.config.samples) as (some, seed):
            fitted = ScikitNMF(self.config.n_latents, max_iter=FIT_STEPS, random_state=seed).fit(some)
            self.dictionary.copy_(torch.from_numpy(unit_rows(fitted.components_)))

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """The k largest of the non-negative least-squares codes."""
        return largest_contributions(_non_negative_codes(x, self.dictionary), k)


def _non_negative_codes(x: Tensor, atoms: Tensor) -> Tensor:
    """argmin_{z >= 0} ||x - z D||^2 of x (N, D) and atoms (M, D): (N, M), by FISTA (Beck & Teboulle 2009)."""
    gram, correlations = atoms @ atoms.T, x @ atoms.T
    step = 1 / torch.linalg.matrix_norm(gram, 2).clamp_min(1e-12)
    z = ahead = torch.zeros_like(correlations)
    t = 1.0
    for _ in range(CODE_STEPS):
        earlier, z = z, (ahead + step * (correlations - ahead @ gram)).relu()
        t, before = (1 + (1 + 4 * t * t) ** 0.5) / 2, t
        ahead = z + (before - 1) / t * (z - earlier)
    return z
