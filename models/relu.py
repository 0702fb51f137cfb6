"""ReLU SAE with an L1 penalty: the classic sparse autoencoder (Bricken et al. 2023; Cunningham et al. 2309.08600).

z = ReLU(W (x - b) + b_enc), x_hat = z D + b with unit-norm atoms D. Minimises
||x - x_hat||^2 / V + l1 ||z||_1 / sqrt(V), where V is the variance of the training inputs, summed over features: codes
of inputs that are scaled are scaled.
The default was chosen on MNIST, where it is 1.5 on raw pixels. The same 1.5 on digits, whose V is a tenth, leaves a
validation FVU of 0.55, and the share of V one of 0.16.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor

from models.base import Losses, SparseCodes
from models.exchange.checkpoint import Checkpoint
from models.parts.dictionary import TrainedDictionaryConfig
from models.parts.errors import squared_error
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.sparse import sparse_codes


class ReLUConfig(TrainedDictionaryConfig):
    """Hyperparameters of the ReLU SAE."""

    l1: float = Field(
        0.2,
        ge=0,
        description="Weight of the L1 norm over sqrt(V), beside the error over V: of inputs of any scale [choice]",
    )


class ReLU(LinearEncoderModel[ReLUConfig]):
    """ReLU sparse autoencoder; the penalty determines how many units are active."""

    Config = ReLUConfig
    capturable = True
    scaled = True
    matched_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"l1": (0.03, 0.07, 0.15, 0.28, 0.45)}

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        z = self.preactivations(x).relu()
        fvu = squared_error(z @ self.dictionary + self.bias, x) / self.variance
        l1 = z.sum(1).mean() / self.variance.sqrt()
        return Losses(fvu + self.config.l1 * l1, {"fvu": fvu, "l1": l1})

    def encode(self, x: Tensor) -> SparseCodes:
        return sparse_codes(self.preactivations(x).relu())

    def as_checkpoint(self) -> Checkpoint:
        """Rectified pre-activations."""
        return self._as("relu")
