"""AuxK: dead units reconstruct the residual, so that they come back to life (Gao et al. 2024, arXiv 2406.04093)."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from models.base import Losses
from models.parts.centred_linear import centred_linear
from models.parts.dictionary import TrainedKSparseConfig
from models.parts.hardware import may_wait
from models.parts.largest import top_k
from models.parts.sparse import Selection, decode

MOST_CANDIDATES = 4
"""Dead units that may reconstruct the residual, the longest silent ones, as a multiple of `auxk`."""

MIN_SILENT_BATCHES = 10
"""Fewest batches of silence before a unit is dead: on small data, live units are silent for a batch or two."""


class AuxKConfig(TrainedKSparseConfig):
    """Hyperparameters of a k-sparse model trained by Adam that revives its dead units."""

    auxk: int = Field(256, ge=0, description="Dead units that reconstruct the residual; 0: no AuxK [Gao et al., code]")
    auxk_weight: float = Field(1 / 32, ge=0, description="Weight of AuxK [Gao et al.]")
    dead_after_epochs: float = Field(
        0.05,
        gt=0,
        description="Epochs of silence after which a unit is dead; runs never reach the paper's 10M samples [choice]",
    )


class LinearAutoencoder(Protocol):
    """The parameters with which dead units reconstruct the residual."""

    bias: nn.Parameter
    """b, (D,)."""
    encoder: nn.Parameter
    """W, (M, D)."""
    encoder_bias: nn.Parameter
    """b_enc, (M,)."""
    dictionary: nn.Parameter
    """Atoms, (M, D)."""


class AuxK(nn.Module):
    """Counts for how many samples each unit has been silent, and lets the dead ones reconstruct the residual."""

    silence: Tensor
    """Samples since each unit was last active, (M,)."""
    dead_after: float
    """Samples of silence after which a unit is dead."""
    signed: bool = False
    """Whether codes may be negative, and the largest in magnitude are taken; else they are rectified."""

    def __init__(self, config: AuxKConfig) -> None:
        super().__init__()
        self.config = config
        self.dead_after = float("inf")
        self.register_buffer("silence", torch.zeros(config.n_latents), persistent=False)

    def prepare(self, n_samples: int) -> None:
        """Set `dead_after` from the number of training samples."""
        silence = self.config.dead_after_epochs * n_samples
        self.dead_after = max(silence, MIN_SILENT_BATCHES * self.config.batch_size)

    def losses(
        self, model: LinearAutoencoder, x: Tensor, values: Tensor, selection: Selection, fvu: Tensor, residual: Tensor
    ) -> Losses:
        """The loss `fvu` of the codes `values` (N, k) on the selected units, plus AuxK.

        `residual` (N, D) is x minus the reconstruction from these codes.
        """
        auxiliary = self._rebuild(model, x, values.detach(), selection, residual.detach())
        return Losses(fvu.add(auxiliary, alpha=self.config.auxk_weight), {"fvu": fvu, "auxk": auxiliary})

    def _rebuild(
        self, model: LinearAutoencoder, x: Tensor, values: Tensor, selection: Selection, residual: Tensor
    ) -> Tensor:
        """Squared error of the residual's reconstruction by dead units only, divided by the residual's energy.

        1 means that nothing is reconstructed. Gao et al. divide by the variance over the batch, which is zero for a
        batch of one.
        """
        sizes = values.abs() if self.signed else values
        self.silence.add_(len(x)).masked_fill_(selection.sum_by_unit(sizes) > 0, 0)
        dead, alive = self._candidates()
        if self.config.auxk == 0 or len(alive) == 0:
            return x.new_zeros(())
        encoder, encoder_bias = _rows(model.encoder, dead), _rows(model.encoder_bias, dead)
        pre = centred_linear(x, encoder, encoder_bias, model.bias)
        sizes = pre.detach().masked_fill(alive, 0.0)
        sizes, positions = top_k(sizes.abs() if self.signed else sizes, min(self.config.auxk, len(alive)))
        if dead is not None and may_wait(x):
            top = pre.gather(1, positions)
            top = top if self.signed else top.relu()
            rebuilt = decode(top, Selection(dead[positions], len(self.silence)), model.dictionary)
        else:  # of the few candidates a large part is active: a dense product costs a GPU less than to gather atoms
            dropped = torch.ones_like(pre, dtype=torch.bool).scatter(1, positions, sizes <= 0)
            rebuilt = pre.masked_fill(dropped, 0.0) @ _rows(model.dictionary, dead)
        energy = residual.square().sum().clamp_min(1e-12)
        # Where no unit is dead, the loss is zero: an infinite energy says so to its gradient as well.
        return F.mse_loss(rebuilt, residual, reduction="sum") / energy.masked_fill(alive.all(), torch.inf)

    def _candidates(self) -> tuple[Tensor | None, Tensor]:
        """Units that may reconstruct the residual, None for all; and which of them are alive, so that they may not."""
        most = min(MOST_CANDIDATES * self.config.auxk, len(self.silence))
        alive = self.silence <= self.dead_after
        if may_wait(self.silence):
            dead = (~alive).nonzero().squeeze(1)
            if len(dead) <= most:
                return dead, torch.zeros_like(dead, dtype=torch.bool)
        if most == len(alive):
            return None, alive
        longest = self.silence.topk(most).indices
        return longest, alive[longest]


def _rows(parameter: Tensor, units: Tensor | None) -> Tensor:
    """Those of some units; of all the parameter itself, which costs neither a copy nor an addition to its gradient."""
    return parameter if units is None else parameter.index_select(0, units)
