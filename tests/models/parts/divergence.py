"""The Jensen-Shannon divergence by its definition, beside which the closed form of the models is tested."""

from __future__ import annotations

import torch
from torch import Tensor

from models.parts.spike_slab import bernoulli_entropy, mixture_entropy


def bernoulli_jsd(p: Tensor, q: Tensor) -> Tensor:
    """Jensen-Shannon divergence of two Bernoullis from their logits, elementwise, in [0, ln 2]."""
    on, off = (torch.sigmoid(p) + torch.sigmoid(q)) / 2, (torch.sigmoid(-p) + torch.sigmoid(-q)) / 2
    return mixture_entropy(on, off) - 0.5 * (bernoulli_entropy(p) + bernoulli_entropy(q))
