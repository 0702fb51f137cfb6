"""What a model may have beside a loss, an encoder and a decoder; each is a method or two that the harness looks for."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from models.base import Codes


@runtime_checkable
class Fittable(Protocol):
    """A model with a closed-form or one-pass fit; the harness calls it instead of training by gradient."""

    def fit(self, x: Tensor) -> None:
        """Fit to the training inputs x (N, D)."""


@runtime_checkable
class HasAtoms(Protocol):
    """A model with a linear decoder."""

    def atoms(self) -> Tensor:
        """The decoder's row of each unit, (M, D)."""


@runtime_checkable
class HasPreactivations(Protocol):
    """A model that selects its active units by a score."""

    def preactivations(self, x: Tensor) -> Tensor:
        """The scores of x (N, D) before any selection, (N, M)."""


@runtime_checkable
class Budgeted(Protocol):
    """A model that can encode with any number of active units."""

    def encode_with_budget(self, x: Tensor, k: int) -> Codes:
        """Codes of x (N, D) with at most k active units per sample, whatever k was trained."""


@runtime_checkable
class Stochastic(Protocol):
    """A model whose training draws its codes at random."""

    def sample(self, x: Tensor) -> Codes:
        """Codes of x (N, D) with the noise of training."""


@runtime_checkable
class HasLikelihood(Protocol):
    """A model with a likelihood: the harness reports its nats per image."""

    def elbo(self, x: Tensor) -> Tensor:
        """Evidence lower bound of each image, (N,) nats, with hard spikes and analytic KL terms."""

    def log_likelihood(self, x: Tensor, n_samples: int) -> Tensor:
        """Importance-weighted bound on log p(x) of each image, (N,) nats (Burda et al. 2016, Eq. 8)."""
