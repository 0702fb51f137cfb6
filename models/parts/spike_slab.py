"""The spike-and-slab distribution: spike heads, relaxed draws and divergences, from logits.

Everything is a function of the logit l of gamma = sigmoid(l), computed with softplus, so that values and gradients are
finite for every l. Units: nats.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from models.parts.likelihood import gaussian_log_density

SpikeHead = Literal["logit", "log_relu"]
"""How gamma follows from a network's output: see `spike_logit`."""
Relaxation = Literal["sigmoid_c", "concrete", "straight_through"]
"""How a spike gets a gradient: see `relaxed_spike`."""

LARGEST_LOG_GAMMA = math.log1p(-1e-6)
"""Below 0, so that the log_relu head has a finite logit; 1e-6 is the official code's constant."""


class SpikeSlab(NamedTuple):
    """Independent units gamma N(mu, sigma^2) + (1 - gamma) delta_0; all fields have the shape (..., M)."""

    logit: Tensor
    """Logit of gamma, the probability of a spike."""
    mu: Tensor
    """Mean of the slab."""
    log_variance: Tensor
    """log sigma^2 of the slab."""

    def components(self) -> SpikeSlab:
        """The same with an axis for the prior's components: (..., 1, M)."""
        return SpikeSlab(*(field.unsqueeze(-2) for field in self))

    def grown(self, share: float | Tensor) -> SpikeSlab:
        """The slab in warm-up, N(share mu, share sigma^2 + 1 - share): N(0, 1) at 0, its own at 1 (VSC B.2)."""
        if isinstance(share, float) and share == 1:
            return self
        log_variance = (1 - share + share * self.log_variance.exp()).log()  # log1p of expm1 would lose small ones
        return SpikeSlab(self.logit, share * self.mu, log_variance)

    def log_density(self, spike: Tensor, z: Tensor) -> Tensor:
        """log q(z) of draws z with spikes in {0, 1}, summed over units, (...): a point mass at zero, else a density."""
        on = F.logsigmoid(self.logit) + gaussian_log_density(z, self.mu, self.log_variance)
        return torch.where(spike > 0, on, F.logsigmoid(-self.logit)).sum(-1)


def spike_logit(head: Tensor, kind: SpikeHead) -> Tensor:
    """Logit of gamma from a network's output v: v itself, or from log gamma = -ReLU(-v) (VSC, official code).

    log_relu has no gradient where gamma = 1, that is at v >= 0.
    """
    if kind == "logit":
        return head
    log_gamma = (-F.relu(-head)).clamp_max(LARGEST_LOG_GAMMA)
    return log_gamma - torch.log(-torch.expm1(log_gamma))


def relaxed_spike(logit: Tensor, kind: Relaxation, sharpness: float | Tensor, temperature: float) -> Tensor:
    """A spike with a gradient, in [0, 1]; it is above 1/2 with probability gamma.

    ``sigmoid_c``: sigmoid(c (u - 1 + gamma)), u uniform on [0, 1] (VSC supplement, B.2).
    ``concrete``: sigmoid((l + logit(u)) / temperature) (Maddison et al. 2017).
    ``straight_through``: a Bernoulli draw whose gradient is gamma's (Bengio et al. 2013).
    """
    if kind == "straight_through":
        gamma = torch.sigmoid(logit)
        return torch.bernoulli(gamma.detach()) + gamma - gamma.detach()
    uniform = torch.rand_like(logit)
    if kind == "concrete":
        return torch.sigmoid((logit + torch.logit(uniform, eps=1e-7)) / temperature)
    return torch.sigmoid(sharpness * (uniform - 1 + torch.sigmoid(logit)))


def hard_spike(logit: Tensor) -> Tensor:
    """An exact Bernoulli(gamma) draw in {0, 1}; no gradient."""
    return torch.bernoulli(torch.sigmoid(logit))


def spike_slab_kl(q: SpikeSlab, p: SpikeSlab) -> tuple[Tensor, Tensor]:
    """Slab and spike parts of KL(q || p), elementwise; their sum is the divergence (VSC supplement, A).

    The slab's divergence counts only where the spike is on: it is weighted by gamma.
    """
    distance = (q.mu - p.mu).square() + q.log_variance.exp()
    slab = 0.5 * (distance / p.log_variance.exp() - 1 - q.log_variance + p.log_variance)
    return torch.sigmoid(q.logit) * slab, bernoulli_kl(q.logit, p.logit)


def bernoulli_kl(q: Tensor, p: Tensor) -> Tensor:
    """KL(Bernoulli(sigmoid(q)) || Bernoulli(sigmoid(p))), elementwise."""
    on = torch.sigmoid(q) * (F.logsigmoid(q) - F.logsigmoid(p))
    return on + torch.sigmoid(-q) * (F.logsigmoid(-q) - F.logsigmoid(-p))


def bernoulli_entropy(logit: Tensor) -> Tensor:
    """Entropy h(sigmoid(l)), elementwise, in [0, ln 2]. It is even in l, and |l| avoids cancellation."""
    size = logit.abs()
    return F.softplus(-size) + size * torch.sigmoid(-size)


def mixture_entropy(on: Tensor, off: Tensor) -> Tensor:
    """Entropy h of a mean of Bernoullis, from its probabilities of 1 and of 0: both, as 1 - p loses digits near 0."""
    tiny = torch.finfo(on.dtype).tiny
    return -on * on.clamp_min(tiny).log() - off * off.clamp_min(tiny).log()
