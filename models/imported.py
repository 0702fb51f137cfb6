"""Imported: a sparse autoencoder that another library has trained; `models.exchange` reads and writes their files.

It is a model as any other, but that nothing is trained: `fit` takes the tensors of the checkpoint. Codes and
reconstructions are those of the library of origin, but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.base import Model, SparseCodes
from models.exchange.checkpoint import SHAPES, TENSORS, Checkpoint, ImportedConfig
from models.parts.dictionary import Dictionary
from models.parts.largest import top_k, top_k_linear
from models.parts.sparse import sparse_codes


class Imported(Dictionary, Model[ImportedConfig]):
    """A sparse autoencoder that was trained elsewhere."""

    Config = ImportedConfig
    family: ClassVar[str] = "imported"
    matched_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    deterministic: ClassVar[bool] = True
    source: ClassVar[Callable[[], Checkpoint] | None] = None
    """Reads the checkpoint; None where the weights are in a run's folder already."""

    centre: Tensor
    """c, (D,); what is taken from inputs."""
    encoder: Tensor
    """W, (M, D)."""
    encoder_bias: Tensor
    """b_enc, (M,)."""
    threshold: Tensor
    """theta of jumprelu, (M,)."""
    gain: Tensor
    """g of gated, (M,)."""
    magnitude_bias: Tensor
    """b_mag of gated, (M,)."""

    def __init__(self, config: ImportedConfig, n_features: int) -> None:
        super().__init__(config, config.n_features)  # `require_inputs` refuses data of another width
        sizes = {"M": config.n_latents, "D": config.n_features}
        for name in TENSORS[config.selection]:
            zeros = torch.zeros([sizes[size] for size in SHAPES[name]])
            self.register_parameter(name, nn.Parameter(zeros, requires_grad=False))

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Take the tensors of the checkpoint; the training inputs x (N, D) are not looked at."""
        source = type(self).source
        if source is None:
            raise ValueError("the checkpoint is not named: give `--models sae:PATH`")
        self.load_state_dict(dict(source().tensors))

    def as_checkpoint(self) -> Checkpoint:
        """Itself, to be written for another library."""
        return Checkpoint(self.config, self.state_dict())

    def preactivations(self, x: Tensor) -> Tensor:
        """W (x - c) + b_enc of x (N, D): (N, M)."""
        return F.linear(x - self.centre, self.encoder, self.encoder_bias)

    def encode(self, x: Tensor) -> SparseCodes:
        """Codes of x (N, D) as the library of origin gives them."""
        config = self.config
        return self.code(x, config.k) if config.k is not None else sparse_codes(self._dense(x))

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """The k largest of each sample's activations."""
        if self.config.selection == "topk":
            values, indices = top_k_linear(x - self.centre, self.encoder, self.encoder_bias, k)
        else:
            values, indices = top_k(self._dense(x), k)
        return SparseCodes(values.relu(), indices, self.config.n_latents)

    def _dense(self, x: Tensor) -> Tensor:
        """Codes (N, M) of x (N, D), of what has no k."""
        pre = self.preactivations(x)
        if self.config.selection == "jumprelu":
            return torch.where(pre > self.threshold, pre.relu(), 0.0)
        if self.config.selection == "gated":
            magnitude = (pre - self.encoder_bias) * self.gain + self.magnitude_bias
            return torch.where(pre > 0, magnitude.relu(), 0.0)
        return pre.relu()


class ImportedPursuit(Imported):
    """Matching pursuit that was trained elsewhere."""

    preactivations = None  # type: ignore[assignment] # there are none

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """At most k steps of pursuit; it stops as the library of origin does, after a step."""
        config, residual = self.config, x - self.centre
        values, indices = x.new_zeros(len(x), k), torch.zeros(len(x), k, dtype=torch.int64, device=x.device)
        ended = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        for step in range(k):
            value, index = (residual @ self.dictionary.T).max(1)
            value = torch.where(ended, 0.0, value if config.signed else value.relu())
            residual = torch.addcmul(residual, value[:, None], self.dictionary[index], value=-1)
            if config.stop_on_repeat:
                before = (indices[:, :step] == index[:, None]) & (values[:, :step] != 0)
                ended |= before.any(1) | (value == 0)
            if config.stop_norm > 0:
                ended |= residual.norm(dim=1) < config.stop_norm
            values[:, step], indices[:, step] = value, index
            if ended.all():
                break
        return SparseCodes(values, indices, config.n_latents)
