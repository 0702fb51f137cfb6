"""Capabilities: which built-in model has which, and the messages for misspelt names and wrong arguments."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import Field
from torch import Tensor

from bench.plugins.loading import load_model_class
from bench.plugins.registry import MODEL_REGISTRY
from models.base import Codes, DenseCodes, GradientConfig, Losses, Model, ModelConfig
from models.capabilities import (
    Budgeted,
    Fittable,
    HasAtoms,
    HasLikelihood,
    HasPreactivations,
    Stochastic,
    check_capabilities,
)

NAMES = list(MODEL_REGISTRY.builtins)
VAES = {"vae", "vsc", "vsc-aligned"}
FITTED = {"pca", "nmf", "ica", "dictionary-learning", "kmeans", "mean", "random", "identity"}
TOPK = {"topk", "topk-l1", "topk-l2", "topk-hoyer", "hierarchical-topk", "abstopk", "batchtopk", "matryoshka", "vsae"}
ENCODERS = TOPK | {"relu", "gated", "jumprelu", "archetypal"}


class Sound(Model[GradientConfig]):
    """A correct model; each class below has one thing wrong."""

    Config = GradientConfig

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        return Losses(x.sum(), {})

    def encode(self, x: Tensor) -> Codes:
        return DenseCodes(x)

    def decode(self, codes: Codes) -> Tensor:
        return codes.dense()


class Helpers(Sound):
    """Names of helpers in use, and methods of torch."""

    def code(self, x: Tensor) -> Tensor: ...
    def posterior(self, x: Tensor) -> Tensor: ...
    def prior(self, x: Tensor) -> Tensor: ...
    def select(self, x: Tensor) -> Tensor: ...
    def penalty(self, x: Tensor) -> Tensor: ...
    def prefixes(self) -> list[int]: ...
    def autoencode(self, x: Tensor) -> Tensor: ...
    def reconstruct(self, x: Tensor) -> Tensor: ...
    def relaxed_bound(self, x: Tensor) -> Tensor: ...
    def forward(self, x: Tensor) -> Tensor: ...
    def _atom(self) -> Tensor: ...


class Flexible(Sound):
    """Extra arguments with defaults; any arguments; no self; and a method set to None."""

    sample = None

    def loss(self, *arguments: Any) -> Losses: ...
    def encode(self, x: Tensor, noise: float = 0.0) -> Codes: ...
    @staticmethod
    def atoms() -> Tensor: ...
    @torch.no_grad()
    def preactivations(self, x: Tensor) -> Tensor: ...


class BothNames(Sound):
    """`atom` beside `atoms` is not misspelt."""

    def atoms(self) -> Tensor: ...
    def atom(self, unit: int) -> Tensor: ...


class MisspeltCapability(Sound):
    def atom(self) -> Tensor: ...


class MisspeltProperty(Sound):
    @property
    def pre_activations(self) -> Tensor: ...


class MisspeltHook(Sound):
    def after_steps(self) -> None: ...


class InheritsAMisspeltName(MisspeltCapability):
    pass


class ShortLoss(Sound):
    def loss(self, x: Tensor, labels: Tensor) -> Losses: ...


class LongEncode(Sound):
    def encode(self, x: Tensor, *, noise: float, k: int = 4) -> Codes: ...


class StaticSample(Sound):
    @staticmethod
    def sample() -> Codes: ...


class AtomsAsAProperty(Sound):
    @property
    def atoms(self) -> Tensor: ...


class HalfALikelihood(Sound):
    def elbo(self, x: Tensor) -> Tensor: ...


class NotTrained(Model):
    def encode(self, x: Tensor) -> Codes: ...
    def decode(self, codes: Codes) -> Tensor: ...


class NoCodes(Model):
    def fit(self, x: Tensor) -> None: ...


class NoConfig(Sound):
    Config = None  # type: ignore[assignment]


class NoBatches(Sound):
    Config = ModelConfig  # type: ignore[assignment]


class WidthConfig(GradientConfig):
    width: int = Field(ge=1, description="A width")


class NoDefault(Sound):
    Config = WidthConfig


@pytest.mark.parametrize("cls", [Sound, Helpers, Flexible, BothNames])
def test_a_sound_model_has_no_problems(cls: type) -> None:
    assert check_capabilities(cls) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_has_no_problems(name: str) -> None:
    assert check_capabilities(load_model_class(MODEL_REGISTRY.find(name))) == []


HELPER = "Begin the name of a helper with an underscore."


@pytest.mark.parametrize(
    ("cls", "problems"),
    [
        (MisspeltCapability, [f"defines atom(), which nothing calls: did you mean atoms()? {HELPER}"]),
        (
            MisspeltProperty,
            [f"defines pre_activations(), which nothing calls: did you mean preactivations()? {HELPER}"],
        ),
        (MisspeltHook, [f"defines after_steps(), which nothing calls: did you mean after_step()? {HELPER}"]),
        (InheritsAMisspeltName, [f"defines atom(), which nothing calls: did you mean atoms()? {HELPER}"]),
        (
            ShortLoss,
            ["defines loss(self, x, labels); expected loss(self, x, labels, progress), as the harness calls it."],
        ),
        (LongEncode, ["defines encode(self, x, *, noise, k=4); expected encode(self, x), as the harness calls it."]),
        (StaticSample, ["defines sample(); expected sample(x), as the harness calls it."]),
        (AtomsAsAProperty, ["defines atoms as a property; expected the method atoms()."]),
        (HalfALikelihood, ["defines elbo() without log_likelihood(); HasLikelihood needs all of them."]),
        (
            NotTrained,
            ["defines neither loss(x, labels, progress) nor fit(x); the harness trains a model by one of the two."],
        ),
        (NoCodes, ["defines no encode(x).", "defines no decode(codes)."]),
        (
            NoConfig,
            [
                "has the Config None; expected a subclass of models.base.GradientConfig, "
                "as the model is trained by its loss."
            ],
        ),
        (
            NoBatches,
            [
                "has the Config ModelConfig; expected a subclass of models.base.GradientConfig, "
                "as the model is trained by its loss."
            ],
        ),
        (NoDefault, ["has no default for WidthConfig.width; give the model's own setting, e.g. Field(8, ge=1)."]),
        (int, ["is not a model; derive it from models.base.Model."]),
    ],
)
def test_a_mistake_is_named(cls: type, problems: list[str]) -> None:
    assert check_capabilities(cls) == problems


@pytest.mark.parametrize("name", NAMES)
def test_built_ins_have_the_capabilities_of_their_kind(name: str) -> None:
    cls = load_model_class(MODEL_REGISTRY.find(name))
    model = cls(cls.Config(), 64)
    expected = {
        Fittable: name in FITTED,
        HasAtoms: name not in VAES | {"mean", "identity"},
        HasPreactivations: name in ENCODERS,
        Budgeted: name in ENCODERS | {"mp", "omp", "random", "nmf", "ica", "dictionary-learning"},
        Stochastic: name in {"vsc", "vsc-aligned", "vsae"},
        HasLikelihood: name in VAES,
    }
    assert {protocol: isinstance(model, protocol) for protocol in expected} == expected
