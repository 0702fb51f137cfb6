"""TopK with a penalty on the activations before the selection (Jacquier et al. 2026, arXiv 2606.27321).

The penalty acts on a = ReLU(W (x - b) + b_enc) of the batch-active units A: the units that are selected with a value
above zero for at least one sample of the batch. A is a mask without gradient. Without the mask, the penalty pushes
unused units down at every step until they die.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import Field
from torch import Tensor

from models.base import Losses
from models.parts.activation_sums import ActivationSums, activation_sums
from models.parts.auxk import AuxKConfig
from models.parts.errors import squared_error
from models.parts.largest import top_k
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.sparse import Selection

Penalty = Callable[[ActivationSums], Tensor]
"""From the sums of activations, of those in A if masked, and the selected activations to the penalty of each sample."""


class PenalisedTopKConfig(AuxKConfig):
    """Hyperparameters of the TopK SAE and of its penalty."""

    penalty_weight: float = Field(1e-3, ge=0, description="lambda [choice]")
    mask: bool = Field(True, description="Penalise only batch-active units; the paper ablates this mask")


PenalisedT = TypeVar("PenalisedT", bound=PenalisedTopKConfig)
"""The type of a penalised model's config."""


def penalised_loss(model: LinearEncoderModel[PenalisedT], x: Tensor, penalty: Penalty) -> Losses:
    """The TopK loss of a batch plus lambda times the mean penalty."""
    config = model.config
    pre = model.preactivations(x)
    selection = Selection(top_k(pre, config.k)[1], config.n_latents)
    sums = activation_sums(pre, selection.indices, _batch_active(pre, selection) if config.mask else None)
    values = sums.selected
    x_hat = model.reconstruct(values, selection)
    fvu = squared_error(x_hat, x) / model.variance
    total, terms = model.auxk.losses(model, x, values, selection, fvu, x - x_hat)
    mean_penalty = penalty(sums).mean()
    return Losses(total + config.penalty_weight * mean_penalty, terms | {"penalty": mean_penalty})


def _batch_active(pre: Tensor, selection: Selection) -> Tensor:
    """1 for each unit that is selected with a value above zero for some sample, else 0: (M,)."""
    values = pre.detach().gather(1, selection.indices).relu()
    return (selection.sum_by_unit(values) > 0).to(pre.dtype)
