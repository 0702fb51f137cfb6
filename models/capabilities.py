"""Optional capabilities of a model, beside its loss, encoder and decoder.

Each capability is a protocol of one or two methods that the harness looks for.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from models.base import Codes, GradientConfig, Model, ModelConfig
from models.exchange.checkpoint import Checkpoint


@runtime_checkable
class Fittable(Protocol):
    """A model with a closed-form or one-pass fit; the harness calls `fit` instead of training by gradient descent."""

    def fit(self, x: Tensor) -> None:
        """Fit to the training inputs x (N, D)."""


@runtime_checkable
class HasAtoms(Protocol):
    """A model with a linear decoder."""

    def atoms(self) -> Tensor:
        """The decoder weights of each unit, (M, D)."""


@runtime_checkable
class HasPreactivations(Protocol):
    """A model that selects its active units by a score."""

    def preactivations(self, x: Tensor) -> Tensor:
        """The scores of x (N, D) before any selection, (N, M)."""


@runtime_checkable
class Budgeted(Protocol):
    """A model that can encode with any number of active units."""

    def encode_with_budget(self, x: Tensor, k: int) -> Codes:
        """Codes of x (N, D) with at most k active units per sample, for any k, not only the trained one."""


@runtime_checkable
class Stochastic(Protocol):
    """A model that samples its codes at random in training."""

    def sample(self, x: Tensor) -> Codes:
        """Codes of x (N, D) with the noise of training."""


@runtime_checkable
class HasPosterior(Protocol):
    """A model whose codes are drawn from a Gaussian for each unit."""

    def posterior_mean(self, x: Tensor) -> Tensor:
        """mu of x (N, D), the mean of each unit's Gaussian whether its spike is on or off, (N, M)."""


@runtime_checkable
class HasPseudoLabels(Protocol):
    """A model that makes classes of its own."""

    def pseudo_labels(self, x: Tensor) -> Tensor | None:
        """The class that each of x (N, D) has for it, (N,) int64; None where it takes those of the data."""


@runtime_checkable
class HasLikelihood(Protocol):
    """A model with a likelihood; the harness reports bounds on it, in nats per image."""

    def elbo(self, x: Tensor) -> Tensor:
        """Evidence lower bound of each image, (N,) nats, with hard spikes and analytic KL terms."""

    def log_likelihood(self, x: Tensor, n_samples: int) -> Tensor:
        """Importance-weighted bound on log p(x) of each image, (N,) nats (Burda et al. 2016, Eq. 8)."""


@runtime_checkable
class Exportable(Protocol):
    """A model that other libraries know: see `models.exchange.checkpoint`."""

    def as_checkpoint(self) -> Checkpoint:
        """Its tensors and how it selects units. Raises CheckpointError where its settings are nobody else's."""


CALLS: dict[str, tuple[str, ...]] = {
    "prepare": ("x", "labels"),
    "loss": ("x", "labels", "progress"),
    "encode": ("x",),
    "decode": ("codes",),
    "after_backward": (),
    "after_step": (),
    "fit": ("x",),
    "atoms": (),
    "preactivations": ("x",),
    "encode_with_budget": ("x", "k"),
    "sample": ("x",),
    "posterior_mean": ("x",),
    "pseudo_labels": ("x",),
    "elbo": ("x",),
    "log_likelihood": ("x", "n_samples"),
    "as_checkpoint": (),
}
"""The methods that the harness calls, and the arguments that it passes by position."""

NEAR_MISS = 0.81
"""A method name counts as misspelt if it is at least this similar to a known one. Helpers named `code` are at 0.8."""


def check_capabilities(cls: type) -> list[str]:
    """The problems in the methods and the config of a model class, one line each; an empty list if there are none."""
    if not issubclass(cls, Model):
        return ["is not a model; derive it from models.base.Model."]
    checks = (_misspelt, _wrong_signatures, _half_capabilities, _missing_methods, _config_problems)
    return [problem for check in checks for problem in check(cls)]


def _misspelt(cls: type[Model]) -> Iterator[str]:
    """Public methods whose names are close to a method that the harness calls.

    A class that defines both names has misspelt neither.
    """
    for base in cls.__mro__[: cls.__mro__.index(Model)]:
        for name, value in vars(base).items():
            if name.startswith("_") or hasattr(Model, name) or not (_is_method(value) or isinstance(value, property)):
                continue
            close = difflib.get_close_matches(name, CALLS, n=1, cutoff=NEAR_MISS)
            if name not in CALLS and close and close[0] not in vars(base):
                yield (
                    f"defines {name}(), which nothing calls: did you mean {close[0]}()? "
                    "Begin the name of a helper with an underscore."
                )


def _wrong_signatures(cls: type[Model]) -> Iterator[str]:
    """Methods that do not accept the arguments that the harness passes."""
    for name, arguments in CALLS.items():
        method = inspect.getattr_static(cls, name, None)
        if method is None:  # absent, or set to None to opt out, as in Python's own protocols
            continue
        if not callable(getattr(cls, name)):
            yield f"defines {name} as a {type(method).__name__}; expected the method {name}({', '.join(arguments)})."
            continue
        receiver = ("self",) if inspect.isfunction(method) else ()
        expected = f"{name}({', '.join((*receiver, *arguments))})"
        try:
            signature = inspect.signature(getattr(cls, name))
        except (TypeError, ValueError):  # written in C
            continue
        try:
            signature.bind(*receiver, *arguments)
        except TypeError:
            yield f"defines {name}{_without_types(signature)}; expected {expected}, as the harness calls it."


def _half_capabilities(cls: type[Model]) -> Iterator[str]:
    """Capabilities with several methods of which the class defines only some."""
    for protocol in (
        Fittable,
        HasAtoms,
        HasPreactivations,
        Budgeted,
        Stochastic,
        HasPosterior,
        HasPseudoLabels,
        HasLikelihood,
    ):
        methods = [name for name in vars(protocol) if name in CALLS]
        missing = [name for name in methods if not _defines(cls, name)]
        if missing and len(missing) < len(methods):
            present = " and ".join(f"{name}()" for name in methods if name not in missing)
            absent = " and ".join(f"{name}()" for name in missing)
            yield f"defines {present} without {absent}; {protocol.__name__} needs all of them."


def _missing_methods(cls: type[Model]) -> Iterator[str]:
    """Methods that every model needs and the class does not define."""
    if not (_defines(cls, "loss") or _defines(cls, "fit")):
        yield "defines neither loss(x, labels, progress) nor fit(x); the harness trains a model by one of the two."
    for name in ("encode", "decode"):
        if not _defines(cls, name):
            yield f"defines no {name}({', '.join(CALLS[name])})."


def _config_problems(cls: type[Model]) -> Iterator[str]:
    """A `Config` of the wrong type, and fields without a default."""
    by_gradient = _defines(cls, "loss") and not _defines(cls, "fit")
    needed = GradientConfig if by_gradient else ModelConfig
    config: Any = cls.Config
    if not (isinstance(config, type) and issubclass(config, needed)):
        named = config.__name__ if isinstance(config, type) else repr(config)
        why = ", as the model is trained by its loss" if by_gradient else ""
        yield f"has the Config {named}; expected a subclass of models.base.{needed.__name__}{why}."
    elif missing := [name for name, field in config.model_fields.items() if field.is_required()]:
        for name in missing:
            yield f"has no default for {config.__name__}.{name}; give the model's own setting, e.g. Field(8, ge=1)."


def _defines(cls: type[Model], name: str) -> bool:
    """Whether a class has a method other than the one of `Model`, which only raises."""
    method = getattr(cls, name, None)
    return method is not None and method is not getattr(Model, name, None)


def _is_method(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, staticmethod | classmethod)


def _without_types(signature: inspect.Signature) -> str:
    """A signature without its annotations: '(self, x, k=4)'."""
    empty = inspect.Parameter.empty
    parameters = [parameter.replace(annotation=empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=empty))
