"""AuxK: dead units reconstruct the residual, so that they come back to life (Gao et al. 2024, arXiv 2406.04093)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from pydantic import BaseModel, Field
from torch import Tensor, nn

from models.parts.largest import top_k
from models.parts.sparse import Selection, decode

if TYPE_CHECKING:
    from models.parts.dictionary import LinearEncoderModel

MIN_SILENT_BATCHES = 10
"""On small data a share of an epoch is a batch or two, in which live units are silent too."""


class AuxKConfig(BaseModel):
    """The fields of a model that revives its dead units."""

    auxk: int = Field(256, ge=0, description="Dead units that reconstruct the residual, 0: none [Gao et al., code]")
    auxk_weight: float = Field(1 / 32, ge=0, description="Weight of AuxK [Gao et al.]")
    dead_after_epochs: float = Field(
        0.05, gt=0, description="Silence that makes a unit dead; the paper's 10M samples never pass here [choice]"
    )


class AuxK(nn.Module):
    """Counts for how many samples each unit has been silent, and lets the dead ones reconstruct the residual."""

    silence: Tensor

    def __init__(self, n_latents: int, n_used: int) -> None:
        super().__init__()
        self.n_used = n_used
        self.dead_after = float("inf")
        self.register_buffer("silence", torch.zeros(n_latents), persistent=False)

    def forward(
        self, model: LinearEncoderModel, x: Tensor, residual: Tensor, values: Tensor, selection: Selection
    ) -> Tensor:
        """Squared error of the residual (N, D) rebuilt by dead units only, over its energy: 1 for nothing rebuilt.

        Gao et al. divide by the variance over the batch, which a batch of one has not.
        """
        self.silence.add_(len(x)).masked_fill_(selection.sum_by_unit(values) > 0, 0)
        dead = (self.silence > self.dead_after).nonzero().squeeze(1)
        if self.n_used == 0 or len(dead) == 0:
            return x.new_zeros(())
        pre = F.linear(x - model.bias, model.encoder[dead], model.encoder_bias[dead])
        top, chosen = top_k(pre, min(self.n_used, len(dead)))
        rebuilt = decode(top.relu(), Selection(dead[chosen], len(self.silence)), model.dictionary)
        return (residual - rebuilt).square().sum() / residual.square().sum().clamp_min(1e-12)
