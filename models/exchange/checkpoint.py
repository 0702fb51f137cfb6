"""A sparse autoencoder as all libraries know it: its tensors under one set of names, and how it selects units.

pre = W (x - c) + b_enc         x_hat = z D + b
relu      z = max(0, pre)
topk      z = max(0, pre) on the k largest of a sample
jumprelu  z = max(0, pre) where pre > theta
gated     z = max(0, g W (x - c) + b_mag) where pre > 0
pursuit   k steps of matching pursuit of x - c with the atoms D, which need not have unit norm
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import torch
from pydantic import Field, ValidationError
from torch import Tensor

from models.base import ModelConfig

Selection = Literal["relu", "topk", "jumprelu", "gated", "pursuit"]

SHAPES = {
    "encoder": "MD",
    "encoder_bias": "M",
    "centre": "D",
    "dictionary": "MD",
    "bias": "D",
    "threshold": "M",
    "gain": "M",
    "magnitude_bias": "M",
}
"""Tensor -> its shape: W, b_enc, c, D, b, theta, g, b_mag."""

LINEAR = ("encoder", "encoder_bias", "centre", "dictionary", "bias")
TENSORS: dict[str, tuple[str, ...]] = {
    "relu": LINEAR,
    "topk": LINEAR,
    "jumprelu": (*LINEAR, "threshold"),
    "gated": (*LINEAR, "gain", "magnitude_bias"),
    "pursuit": ("centre", "dictionary", "bias"),
}
"""Selection -> the tensors that it takes."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, or not be written: the message says why, and what would do."""


class ImportedConfig(ModelConfig):
    """What a checkpoint is, beside its tensors."""

    n_features: int = Field(1, ge=1, description="D, the length of an input")
    n_latents: int = Field(1, ge=1, description="M")
    selection: Selection = Field("relu", description="How units are selected")
    k: int | None = Field(None, ge=1, description="Active units of topk, largest number of steps of pursuit")
    signed: bool = Field(False, description="pursuit: whether the coefficient of the chosen atom may be negative")
    stop_norm: float = Field(0.0, ge=0, description="pursuit: stops below this norm of the residual; 0: never")
    stop_on_repeat: bool = Field(False, description="pursuit: stops after a step that chose no new atom")


@dataclass(frozen=True)
class Checkpoint:
    """A trained sparse autoencoder."""

    config: ImportedConfig
    """Its sizes, and how it selects."""
    tensors: Mapping[str, Tensor]
    """Those of `TENSORS`, float32."""
    takes_raw: bool = False
    """Whether it takes the data as they are, before any normalisation. False where that is not known."""

    @classmethod
    def of(cls, selection: Any, tensors: Mapping[str, Tensor], **how: Any) -> Self:
        """A checkpoint of these tensors; `how` are more fields of the config. CheckpointError where they do not fit."""
        n_latents, n_features = tensors["dictionary"].shape
        sizes = {"M": n_latents, "D": n_features}
        try:
            config = ImportedConfig(selection=selection, n_latents=n_latents, n_features=n_features, **how)
        except ValidationError as error:
            first = error.errors()[0]
            raise CheckpointError(f"{'.'.join(map(str, first['loc']))} = {first['input']!r}: {first['msg']}") from error
        if selection in ("topk", "pursuit") and config.k is None:
            raise CheckpointError(f"k is not given; {selection} needs it")
        if selection == "topk" and config.k and config.k > n_latents:
            raise CheckpointError(f"k = {config.k} is more than its {n_latents} latents")
        found = {}
        for name in TENSORS[selection]:
            tensor, shape = tensors[name].detach(), tuple(sizes[size] for size in SHAPES[name])
            if tuple(tensor.shape) != shape:
                raise CheckpointError(f"{name} has the shape {tuple(tensor.shape)}; expected {shape}")
            if not tensor.isfinite().all():
                raise CheckpointError(f"{name} holds NaN or infinities")
            found[name] = tensor.to("cpu", torch.float32).contiguous()
        return cls(config, found)

    def changed(self, **tensors: Tensor) -> Self:
        """The same with other tensors."""
        return replace(self, tensors={**self.tensors, **tensors})

    def centred_on(self, centre: Tensor) -> Self:
        """The same codes by another c: W (x - c) + b_enc = W (x - c') + b_enc + W (c' - c)."""
        shift = centre - self.tensors["centre"]
        if not shift.any():
            return self
        if self.config.selection == "pursuit":
            raise CheckpointError("its pursuit begins at another point than the bias of its reconstructions")
        moved = self.tensors["encoder"] @ shift
        changed = {"centre": centre, "encoder_bias": self.tensors["encoder_bias"] + moved}
        if self.config.selection == "gated":
            changed["magnitude_bias"] = self.tensors["magnitude_bias"] + self.tensors["gain"] * moved
        return self.changed(**changed)

    def before_scaling(self, shift: Tensor | float, scale: Tensor | float) -> Self:
        """The same on inputs y where this takes x = (y - shift) * scale: its codes of y are those of x.

        Pursuit needs atoms of the same norm in y, so that its codes of y are those of x, divided by a scalar scale.
        """
        old = self.tensors
        whole = {name: old[name] / scale + shift for name in ("centre", "bias")}
        if self.config.selection == "pursuit":
            if isinstance(scale, Tensor) and scale.numel() > 1:
                raise CheckpointError("a pursuit on standardised inputs is none on the inputs themselves")
            config = self.config.model_copy(update={"stop_norm": self.config.stop_norm / float(scale)})
            return replace(self.changed(**whole), config=config)
        return self.changed(**whole, encoder=old["encoder"] * scale, dictionary=old["dictionary"] / scale)
