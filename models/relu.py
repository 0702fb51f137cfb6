"""ReLU SAE with an L1 penalty: the classic sparse autoencoder (Bricken et al. 2023; Cunningham et al. 2309.08600).

z = ReLU(W (x - b) + b_enc), x_hat = z D + b with unit-norm atoms D. Minimises ||x - x_hat||^2 + l1 ||z||_1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor

from models.base import Losses, SparseCodes
from models.parts.dictionary import TrainedDictionaryConfig
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.sparse import sparse_codes


class ReLUConfig(TrainedDictionaryConfig):
    """Hyperparameters of the ReLU SAE."""

    l1: float = Field(1.5, ge=0, description="Weight of the L1 penalty; the error is summed over pixels [choice]")


class ReLU(LinearEncoderModel[ReLUConfig]):
    """ReLU sparse autoencoder; the penalty determines how many units are active."""

    Config = ReLUConfig
    capturable = True
    matched_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"l1": (0.5, 1.0, 2.0, 4.0)}

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        z = self.preactivations(x).relu()
        sse = (x - z @ self.dictionary - self.bias).square().sum(1).mean()
        l1 = z.sum(1).mean()
        return Losses(sse + self.config.l1 * l1, {"sse": sse, "l1": l1})

    def encode(self, x: Tensor) -> SparseCodes:
        return sparse_codes(self.preactivations(x).relu())
