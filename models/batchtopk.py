"""BatchTopK SAE: k active units per sample on average over a batch (Bussmann et al. 2024, arXiv 2412.06410).

Training keeps the k N largest rectified pre-activations of a batch of N samples. Inference keeps the pre-activations
above a threshold: a running mean over batches of the smallest value kept. The threshold is a buffer, saved with the
weights.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from models.base import Losses, SparseCodes
from models.exchange.checkpoint import Checkpoint
from models.parts.auxk import AuxKConfig
from models.parts.batch_topk import NO_BATCH_YET, above_threshold, largest_of_batch
from models.parts.errors import squared_error
from models.parts.linear_encoder import LinearEncoderModel


class BatchTopKConfig(AuxKConfig):
    """Hyperparameters of the BatchTopK SAE; k is the mean number of active units."""

    threshold_rate: float = Field(0.1, gt=0, le=1, description="Rate of the threshold's running mean [2506.05239]")


class BatchTopK(LinearEncoderModel[BatchTopKConfig]):
    """BatchTopK sparse autoencoder. At inference, a code does not depend on the other samples."""

    Config = BatchTopKConfig
    capturable = True

    threshold: Tensor
    """The value that a pre-activation must exceed at inference, ()."""

    def __init__(self, config: BatchTopKConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.register_buffer("threshold", torch.tensor(NO_BATCH_YET))

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        with torch.no_grad():
            pre = self.preactivations(x)
            values, selection = largest_of_batch(pre, self.config.k, self.threshold, self.config.threshold_rate)
        values = self.selected_activations(x, values, selection)
        x_hat = self.reconstruct(values, selection)
        fvu = squared_error(x_hat, x) / self.variance
        return self.auxk.losses(self, x, values, selection, fvu, x - x_hat)

    def encode(self, x: Tensor) -> SparseCodes:
        return above_threshold(self.preactivations(x), self.threshold)

    def as_checkpoint(self) -> Checkpoint:
        """Pre-activations above the threshold of inference."""
        return self._as("jumprelu", threshold=self.threshold.clamp_min(0))
