"""Errors of reconstructions, and the variance by which they are divided, which makes them independent of scale."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def squared_error(x_hat: Tensor, x: Tensor) -> Tensor:
    """||x - x_hat||^2, mean over samples: x_hat (N, D), x (N, D) -> ()."""
    return F.mse_loss(x_hat, x, reduction="sum") / len(x)  # one pass back, where a sum of squares takes four


def summed_variance(x: Tensor) -> Tensor:
    """Variance of x (N, D), summed over features, ()."""
    return x.var(0, correction=0).sum().clamp_min(1e-12)
