"""TopK SAE: keep the k largest pre-activations (Gao et al. 2024, arXiv 2406.04093).

z = TopK(ReLU(W (x - b) + b_enc)), x_hat = z D + b with unit-norm atoms D. Minimises the squared error over the
data's variance, plus AuxK: dead units reconstruct the residual, so that they come back to life.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from models.atoms import project_gradient
from models.base import Losses, SparseCodes
from models.dictionary import DictionaryModel, TrainedKSparseConfig
from models.sparse import Selection, decode, selected_preactivations

MIN_SILENT_BATCHES = 10
"""On small data a share of an epoch is a batch or two, in which live units are silent too."""


class TopKConfig(TrainedKSparseConfig):
    """Hyperparameters of the TopK SAE."""

    auxk: int = Field(256, ge=0, description="Dead units that reconstruct the residual, 0: none [Gao et al., code]")
    auxk_weight: float = Field(1 / 32, ge=0, description="Weight of AuxK [Gao et al.]")
    dead_after_epochs: float = Field(
        0.05, gt=0, description="Silence that makes a unit dead; the paper's 10M samples never pass here [choice]"
    )


class TopK(DictionaryModel):
    """TopK sparse autoencoder with AuxK, an encoder initialised to the atoms, and projected gradients."""

    Config: ClassVar[type[TopKConfig]] = TopKConfig
    silence: Tensor
    variance: Tensor

    def __init__(self, config: Any, n_features: int) -> None:
        super().__init__(config, n_features)
        self.encoder = nn.Parameter(self.dictionary.detach().clone())
        self.encoder_bias = nn.Parameter(torch.zeros(config.n_latents))
        self.register_buffer("silence", torch.zeros(config.n_latents), persistent=False)
        self.register_buffer("variance", torch.ones(()), persistent=False)
        self.dead_after = float("inf")

    @torch.no_grad()
    def prepare(self, x: Tensor, labels: Tensor) -> None:
        super().prepare(x, labels)
        self.variance.copy_(x.var(0, correction=0).sum().clamp_min(1e-12))
        silence = self.config.dead_after_epochs * len(x)
        self.dead_after = max(silence, MIN_SILENT_BATCHES * self.config.batch_size)

    @torch.no_grad()
    def _select(self, x: Tensor) -> tuple[Tensor, Selection]:
        pre = torch.addmm(self.encoder_bias, x - self.bias, self.encoder.T)
        values, indices = pre.topk(self.config.k, dim=1, sorted=False)
        return values, Selection(indices, self.config.n_latents)

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        values, selection = self._select(x)
        values = selected_preactivations(x, self.encoder, self.encoder_bias, self.bias, values, selection).relu()
        residual = x - self.reconstruct(values, selection)
        reconstruction = residual.square().sum(1).mean() / self.variance
        auxiliary = self._auxk(x, residual.detach(), values.detach(), selection)
        total = reconstruction + self.config.auxk_weight * auxiliary
        return Losses(total, {"fvu": reconstruction, "auxk": auxiliary})

    def _auxk(self, x: Tensor, residual: Tensor, values: Tensor, selection: Selection) -> Tensor:
        """Squared error of the residual rebuilt from dead units only, over the residual's variance."""
        self.silence.add_(len(x)).masked_fill_(selection.sum_by_unit(values) > 0, 0)
        dead = (self.silence > self.dead_after).nonzero().squeeze(1)
        n_used = min(self.config.auxk, len(dead))
        if n_used == 0:
            return x.new_zeros(())
        pre = torch.addmm(self.encoder_bias[dead], x - self.bias, self.encoder[dead].T)
        top, chosen = pre.topk(n_used, dim=1, sorted=False)
        rebuilt = decode(top.relu(), Selection(dead[chosen], self.config.n_latents), self.dictionary)
        variance = (residual - residual.mean(0)).square().sum(1).mean().clamp_min(1e-12)
        return (residual - rebuilt).square().sum(1).mean() / variance

    def encode(self, x: Tensor) -> SparseCodes:
        values, selection = self._select(x)
        return SparseCodes(values.relu(), selection.indices, self.config.n_latents)

    def after_backward(self) -> None:
        project_gradient(self.dictionary)
