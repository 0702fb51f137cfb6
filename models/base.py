"""What a model is: a validated config, a loss to minimise, an encoder and a decoder.

The harness trains and evaluates models; a model never reports a number itself. To write a new model, subclass `Model`.
A model that is not trained by gradient descent defines `fit(x)` instead of `loss`. `models.capabilities` lists the
optional methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from typing_extensions import TypeVar


class ModelConfig(BaseModel):
    """Hyperparameters of one model; every field has a default, a valid range and a description with its source."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    n_latents: int = Field(64, ge=1, description="Number of latents M")


class GradientConfig(ModelConfig):
    """Hyperparameters of a model trained by Adam on shuffled mini-batches."""

    epochs: int = Field(11, ge=1, description="Passes over the training split at the full budget")
    batch_size: int = Field(32, ge=1, description="Images per optimiser step")
    learning_rate: float = Field(1e-3, gt=0, description="Adam step size, constant")


class Losses(NamedTuple):
    """The loss of one training step."""

    total: Tensor
    """The scalar that is minimised."""
    terms: dict[str, Tensor]
    """Parts of the loss by name, for the training history."""


@dataclass(frozen=True)
class DenseCodes:
    """Codes of a model that has no fixed support size: sparse ones with many zeros, or dense ones."""

    z: Tensor
    """The code that is decoded, (N, M); exact zeros where a unit is off."""
    gamma: Tensor | None = None
    """Activation probabilities, (N, M) in [0, 1]; None where z != 0 says which units are on, or for dense codes."""

    def dense(self) -> Tensor:
        """The codes as an (N, M) tensor."""
        return self.z


@dataclass(frozen=True)
class SparseCodes:
    """Codes of a k-sparse model: at most k units of M per sample."""

    values: Tensor
    """Coefficients, (N, k); a zero means that the slot is unused."""
    indices: Tensor
    """Indices of units in [0, M), (N, k) int64. If a unit appears twice in a row, its values are added."""
    n_latents: int
    """The number of units M."""

    def dense(self) -> Tensor:
        """The codes as an (N, M) tensor; for analysis, never for training."""
        zeros = self.values.new_zeros(len(self.values), self.n_latents)
        return zeros.scatter_add_(1, self.indices, self.values)


Codes = DenseCodes | SparseCodes
"""What `encode` returns."""

ConfigT = TypeVar("ConfigT", bound=ModelConfig, default=Any)
"""The type of a model's config; `Model` without a parameter accepts any config."""


class DoesNotApplyError(ValueError):
    """Raised by `prepare` where a model means nothing on some data, whatever its hyperparameters. It says why.

    The run is then done without numbers: every metric is n/a, with this reason.
    """


def require_inputs(x: Tensor, n_features: int) -> None:
    """Raise ValueError if x is not (N, D) with D = n_features, or contains NaN or infinities."""
    if x.ndim != 2 or x.shape[1] != n_features:
        raise ValueError(f"x has the shape {tuple(x.shape)}; expected (N, {n_features})")
    # Of all values the least and the largest tell, in a fraction of the time that counting takes.
    if x.numel() and not torch.stack(x.aminmax()).isfinite().all():
        bad = int((~x.isfinite()).sum())
        raise ValueError(f"x has {bad} values that are NaN or infinite, of {x.numel()}; expected finite ones")


class Model(nn.Module, Generic[ConfigT]):
    """Base of every model; `Model[MyConfig]` tells type checkers what `self.config` is.

    Parameters
    ----------
    config : ModelConfig
        An instance of the class's own `Config`.
    n_features : int
        D, the length of a flattened input.
    """

    Config: ClassVar[type[ModelConfig]] = ModelConfig
    """The typed hyperparameters; the defaults are the model's own ("native") setting."""
    family: ClassVar[str] = "others"
    """The group of models that boards can be filtered by."""
    matched_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    """The sparsity hyperparameter and its values in the "matched" setting, e.g. ``{"k": (4, 8)}``. Empty: no sweep."""
    dead_variance: ClassVar[float] = 0.0
    """A unit is never active if the variance of its code over a data set is below this. 0 for sparse codes."""
    dense: ClassVar[bool] = False
    """Whether codes are dense by design, as of a VAE or PCA. Such a model has no activation probability; of others
    that give none it is 1[z != 0]."""
    capturable: ClassVar[bool] = False
    """Whether a step may be captured as a CUDA graph and replayed: `loss`, `after_backward` and `after_step` read no
    value of the device, and do the same in each step but for what tensors hold, which they change in place. It holds
    for the class that says it, not for its subclasses."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Files that it reads, such as weights, by paths from the folder of its own file: with other content they make new
    runs, as an edit of its code does."""
    nonnegative: ClassVar[bool] = False
    """Whether it means nothing on inputs below 0."""
    takes_raw: ClassVar[bool] = False
    """Whether it takes the data as they are, so that normalised ones are refused."""
    deterministic: ClassVar[bool] = False
    """Whether nothing about it depends on the seed, as in a closed-form fit: it is run once, whatever the seeds."""

    settled: ClassVar[Mapping[str, Any] | None] = None
    """Every hyperparameter, of a model that was trained elsewhere: nothing can set another. None for all else."""

    config: ConfigT
    """The hyperparameters of this model."""
    n_train: int | None = None
    """Training samples, of which `prepare` may see some only; set by the harness before it, None elsewhere."""

    def __init__(self, config: ConfigT, n_features: int) -> None:
        super().__init__()
        self.config = config
        self.n_features = n_features

    def require_inputs(self, x: Tensor) -> None:
        """Raise ValueError if the model cannot take the inputs x: if they are not (N, D), or contain NaN or infinities.

        Asked of every split before any training. A model that needs more of its inputs extends it.
        """
        require_inputs(x, self.n_features)

    def prepare(self, x: Tensor, labels: Tensor) -> None:
        """Initialise what depends on the training inputs x (N, D) and labels (N,); called once, before the first step.

        Of data that are larger than memory they are a sample, evenly spread: see `n_train`.
        Raises ValueError if the model cannot be trained on them, DoesNotApplyError if no hyperparameter would help.
        """

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        """Loss of one batch: x (B, D), labels (B,) int64, progress: share of steps done, in [0, 1].

        A model that is `capturable` gets the progress as a tensor () on its device where its step is captured.
        """
        raise NotImplementedError(f"{type(self).__name__} defines neither loss() nor fit()")

    def encode(self, x: Tensor) -> Codes:
        """Deterministic codes of x (N, D), with exact zeros where a unit is off."""
        raise NotImplementedError(f"{type(self).__name__} defines no encode()")

    def decode(self, codes: Codes) -> Tensor:
        """Reconstructions (N, D) of codes that `encode` returned."""
        raise NotImplementedError(f"{type(self).__name__} defines no decode()")

    def after_backward(self) -> None:
        """Hook between the backward pass and the optimiser step."""

    def after_step(self) -> None:
        """Hook after the optimiser step."""


def warmup(progress: float | Tensor, share: float) -> float | Tensor:
    """Linear ramp from 0 to 1 over the first `share` of training; always 1 if the share is 0."""
    if not share:
        return 1.0
    ramp = progress / share
    return ramp.clamp_max(1.0) if isinstance(ramp, Tensor) else min(1.0, ramp)
