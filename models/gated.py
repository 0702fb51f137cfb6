"""Gated SAE: which units are on, and how much, are decided apart (Rajamanoharan et al. 2024, arXiv 2404.16014).

pi = W (x - b) + b_gate, z = 1[pi > 0] ReLU(exp(r) W (x - b) + b_mag), x_hat(z) = z D + b with unit-norm atoms D.
Minimises ||x - x_hat(z)||^2 / V + l1 ||ReLU(pi)||_1 / sqrt(V) + ||x - x_hat'(ReLU(pi))||^2 / V. The step has no
gradient: the gate learns by the last two terms, and x_hat' has D and b without gradient, so that the penalty, which
shrinks ReLU(pi), does not reach them. V is the variance of the training inputs, as in the ReLU SAE [choice]. Dead units
are not resampled [choice].

The default was chosen on the validation split of MNIST, for an L0 near 10 after the 5 epochs of the quick budget: it is
16 at 0.25, and 9 at 0.37.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from models.base import Losses, SparseCodes
from models.exchange.checkpoint import Checkpoint
from models.parts.dictionary import TrainedDictionaryConfig
from models.parts.errors import squared_error
from models.parts.hardware import where_above
from models.parts.largest import top_k
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.sparse import sparse_codes


class GatedConfig(TrainedDictionaryConfig):
    """Hyperparameters of the Gated SAE."""

    l1: float = Field(
        0.35,
        ge=0,
        description="Weight of the L1 norm of the gate over sqrt(V), beside errors over V: of inputs of any scale "
        "[choice]",
    )


class Gated(LinearEncoderModel[GatedConfig]):
    """Gated sparse autoencoder; the penalty determines how many units are active."""

    Config = GatedConfig
    capturable = True
    scaled = True
    matched_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"l1": (0.05, 0.1, 0.2, 0.4, 0.8)}

    encoder_bias: nn.Parameter
    """b_gate, (M,)."""

    def __init__(self, config: GatedConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.log_gain = nn.Parameter(torch.zeros(config.n_latents))
        self.magnitude_bias = nn.Parameter(torch.zeros(config.n_latents))

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        gate = self.preactivations(x)
        fvu = squared_error(self._gated(gate) @ self.dictionary + self.bias, x) / self.variance
        opened = gate.relu()
        l1 = opened.sum(1).mean() / self.variance.sqrt()
        frozen = opened @ self.dictionary.detach() + self.bias.detach()
        auxiliary = squared_error(frozen, x) / self.variance
        total = fvu + self.config.l1 * l1 + auxiliary
        return Losses(total, {"fvu": fvu, "l1": l1, "auxiliary": auxiliary})

    def encode(self, x: Tensor) -> SparseCodes:
        return sparse_codes(self._gated(self.preactivations(x)))

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """Codes of at most k units: the largest of those whose gates are open."""
        values, indices = top_k(self._gated(self.preactivations(x)), k)
        return SparseCodes(values, indices, self.config.n_latents)

    def as_checkpoint(self) -> Checkpoint:
        """Magnitudes where the gate is open."""
        return self._as("gated", gain=self.log_gain.exp(), magnitude_bias=self.magnitude_bias)

    def _gated(self, gate: Tensor) -> Tensor:
        """Dense codes z (N, M) from pi (N, M); NaN stays NaN."""
        magnitude = (gate - self.encoder_bias) * self.log_gain.exp() + self.magnitude_bias
        return where_above(magnitude.relu(), gate)
