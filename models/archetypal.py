"""RA-SAE: TopK whose atoms are near the convex hull of the data (Fel et al. 2025, 'Archetypal SAE', arXiv 2502.12892).

D = e^s (W C + L). The rows of C are candidate points; those of W are convex combinations, w >= 0 and sum(w) = 1; those
of the relaxation L have norms of at most delta. After each step W is rectified and its rows are divided by their sums,
and rows of L that are too long are shortened, as in the released code. Codes and loss are those of TopK, with AuxK.

Candidates are the k-means centroids of the training inputs, as many as atoms, less the bias; W begins as the identity.
They are a set: data of fewer different rows have fewer of them, and the other columns of W stay 0. If a point stood in
several, Adam would move each, and the atoms so many times too far. Atoms without a candidate start between two.
k-means has a seed of its own, so that the candidates belong to the data, as in the paper: runs of all seeds start at
one dictionary. How far the agreement of their dictionaries comes from this start alone is disputed (arXiv 2606.02061).
delta is in units of the root mean square of a centred feature, so that on data with a mean squared norm of D it is that
of the released code; atoms are in units in which candidates have a mean squared norm of 1, the scale of other models'.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from models.base import Losses, SparseCodes
from models.parts.auxk import AuxKConfig
from models.parts.clusters import centroids
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.samples import spread
from models.topk import topk_loss

SEED = 0
"""Seed of k-means."""


class ArchetypalConfig(AuxKConfig):
    """Hyperparameters of the RA-SAE."""

    n_latents: int = Field(256, ge=1, description="M; a step costs M^2 D more than one of TopK [choice]")
    delta: float = Field(1.0, ge=0, description="Largest norm of a row of the relaxation; 0: A-SAE [released code]")


class Archetypal(LinearEncoderModel[ArchetypalConfig]):
    """TopK sparse autoencoder with a relaxed archetypal dictionary, whose atoms are not of unit norm."""

    Config = ArchetypalConfig
    capturable = True

    dictionary: Tensor  # type: ignore[assignment]
    """D, (M, D), as the last step left it: no parameter, but made of those below."""
    weights: nn.Parameter
    """W, (M, M), row-stochastic."""
    relaxation: nn.Parameter
    """L, (M, D)."""
    log_scale: nn.Parameter
    """s, (), the released code's multiplier."""
    candidates: Tensor
    """C, (M, D); zeros after the last candidate, so that what weighs them has no gradient."""
    equal: Tensor
    """Weights of an atom that has lost all of its own, (M,): the same for each candidate."""
    radius: Tensor
    """delta in the candidates' units, ()."""

    def __init__(self, config: ArchetypalConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        atoms = self.dictionary.detach()
        del self.dictionary
        self.register_buffer("dictionary", atoms)
        self.weights = nn.Parameter(torch.eye(config.n_latents))
        self.relaxation = nn.Parameter(torch.zeros_like(atoms))
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.register_buffer("candidates", atoms.clone())
        self.register_buffer("equal", torch.full((config.n_latents,), 1 / config.n_latents), persistent=False)
        self.register_buffer("radius", torch.tensor(config.delta))

    @torch.no_grad()
    def prepare(self, x: Tensor, labels: Tensor) -> None:
        """Place candidates, dictionary and encoder by the training inputs x (N, D)."""
        super().prepare(x, labels)
        some, m = spread(x, max(5000, self.config.n_latents)), self.config.n_latents
        centres = centroids(some.double().cpu().numpy(), m, SEED)
        first = np.unique(centres.astype(np.float32), axis=0, return_index=True)[1]
        points = torch.from_numpy(centres[np.sort(first)]).to(x) - self.bias
        n, norm = len(points), points.square().sum(1).mean().sqrt().clamp_min(1e-12)
        self.candidates.zero_()[:n] = points / norm
        self.equal.zero_()[:n] = 1 / n
        self.radius.copy_(self.config.delta * (self.variance / self.n_features).sqrt() / norm)
        if n < m:  # atoms for which there is no candidate start between two
            one, further = torch.randint(n, (m - n, 1)), torch.randint(1, max(n, 2), (m - n, 1))
            pairs = torch.cat([one, (one + further) % n], 1).to(x.device)
            self.weights[n:].zero_().scatter_(1, pairs, torch.rand(m - n, 2).to(x))
        self.after_step()
        self.encoder.copy_(F.normalize(self.dictionary, dim=1))

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        stored, self.dictionary = self.dictionary, self._combined()
        try:
            return topk_loss(self, x)
        finally:  # of one place in memory, where a step that is replayed finds it
            self.dictionary = stored

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)

    @torch.no_grad()
    def after_step(self) -> None:
        """Back to the constraints, and make the dictionary."""
        sums = self.weights.relu_().sum(1, keepdim=True)
        self.weights.copy_(torch.where(sums > 0, self.weights / sums, self.equal))
        lengths = self.relaxation.norm(dim=1, keepdim=True).clamp_min(1e-12)
        self.relaxation.mul_((self.radius / lengths).clamp_max(1.0))
        self.dictionary.copy_(self._combined())

    def _combined(self) -> Tensor:
        """e^s (W C + L), (M, D)."""
        return self.log_scale.exp() * (self.weights @ self.candidates + self.relaxation)
