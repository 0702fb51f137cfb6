"""BatchTopK SAE: k units per sample on average, not for each (Bussmann et al. 2024, arXiv 2412.06410).

Training keeps the k N largest of all rectified pre-activations of a batch of N. Inference keeps those above a
threshold: the running mean of the smallest that the batches kept. It is a buffer, saved with the weights.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from models.base import SparseCodes
from models.parts.dictionary import sparse_codes
from models.parts.largest import top_k
from models.parts.sparse import Selection, pack
from models.topk import TopK, TopKConfig


class BatchTopKConfig(TopKConfig):
    """Hyperparameters of the BatchTopK SAE; k is the mean number of active units."""

    threshold_rate: float = Field(0.1, gt=0, le=1, description="Step of the threshold's running mean [2506.05239]")


class BatchTopK(TopK):
    """BatchTopK sparse autoencoder; its codes do not depend on the batch they are in."""

    Config: ClassVar[type[BatchTopKConfig]] = BatchTopKConfig
    threshold: Tensor

    def __init__(self, config: Any, n_features: int) -> None:
        super().__init__(config, n_features)
        self.register_buffer("threshold", torch.tensor(-1.0))  # below zero: no batch seen yet

    def select(self, x: Tensor) -> tuple[Tensor, Selection]:
        pre = self.preactivations(x)
        n_samples, n_latents = pre.shape
        values, entries = top_k(pre.reshape(1, -1), self.config.k * n_samples)
        kept = ~(values[0] <= 0)  # NaN passes, and is noticed in the loss
        values, entries = values[0, kept], entries[0, kept]
        if len(values):
            rate = self.config.threshold_rate if self.threshold >= 0 else 1.0
            self.threshold.lerp_(values.min(), rate)
        return pack(values, entries // n_latents, entries % n_latents, n_samples, n_latents)

    def encode(self, x: Tensor) -> SparseCodes:
        pre = self.preactivations(x)
        return sparse_codes(torch.where(pre <= self.threshold.clamp_min(0), 0.0, pre))
