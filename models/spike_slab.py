"""The spike-and-slab distribution: divergences from logits and the relaxed draw.

Everything is written on the logit l of gamma = sigmoid(l), through softplus, so that values and gradients are finite
for every l. Units: nats.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from models.likelihood import gaussian_kl


def spike_kl(logit: Tensor, alpha: float) -> Tensor:
    """KL(Bernoulli(sigmoid(logit)) || Bernoulli(alpha)), elementwise."""
    gamma = torch.sigmoid(logit)
    on = gamma * (F.logsigmoid(logit) - math.log(alpha))
    off = (1 - gamma) * (F.logsigmoid(-logit) - math.log1p(-alpha))
    return on + off


def spike_slab_kl(logit: Tensor, mu: Tensor, log_variance: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Slab and spike parts of KL(q || p) for p = alpha N(0, 1) + (1 - alpha) delta_0 (arXiv 2505.14476, Eq. 1).

    The slab's divergence counts only where the spike is on: it is weighted by gamma.
    """
    return torch.sigmoid(logit) * gaussian_kl(mu, log_variance), spike_kl(logit, alpha)


def relaxed_spike(logit: Tensor, sharpness: float) -> Tensor:
    """sigmoid(c (u - 1 + gamma)), u uniform on [0, 1]: a differentiable spike (VSC supplement, B.2)."""
    gamma = torch.sigmoid(logit)
    return torch.sigmoid(sharpness * (torch.rand_like(gamma) - 1 + gamma))


def hard_spike(logit: Tensor) -> Tensor:
    """An exact Bernoulli(gamma) draw in {0, 1}; no gradient."""
    return torch.bernoulli(torch.sigmoid(logit))


def bernoulli_jsd(logit_p: Tensor, logit_q: Tensor) -> Tensor:
    """Jensen-Shannon divergence of two Bernoullis, elementwise, in [0, ln 2]: h((p + q) / 2) - (h(p) + h(q)) / 2."""
    log_on = torch.logaddexp(F.logsigmoid(logit_p), F.logsigmoid(logit_q)) - math.log(2)
    log_off = torch.logaddexp(F.logsigmoid(-logit_p), F.logsigmoid(-logit_q)) - math.log(2)
    mixture_entropy = -log_on.exp() * log_on - log_off.exp() * log_off
    return mixture_entropy - 0.5 * (_entropy(logit_p) + _entropy(logit_q))


def _entropy(logit: Tensor) -> Tensor:
    return F.softplus(logit) - logit * torch.sigmoid(logit)
