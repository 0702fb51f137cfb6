"""The Jensen-Shannon divergences of pairs of images, summed over units, with their gradient in closed form.

JSD(p, q) = h((p + q) / 2) - (h(p) + h(q)) / 2 of Bernoullis, with the entropy h. Only the first term is of a pair. With
p = sigmoid(l), d JSD / d l = p (1 - p) [log((2 - p - q) / (p + q)) + l] / 2. Autograd would keep a dozen tensors of all
pairs and units for it; here each is read once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.parts.hardware import GPU_BLOCK, may_wait
from models.parts.spike_slab import bernoulli_entropy


def pairwise_jsd(logit: Tensor, weight: Tensor) -> Tensor:
    """Sum over pairs i < j of weight[i, j] sum_u JSD(Bernoulli_iu || Bernoulli_ju), (), in nats.

    logit (B, M); weight (B, B) symmetric, zero on the diagonal, without gradient.
    """
    result: Tensor = _PairwiseJSD.apply(logit, weight)
    return result


class _PairwiseJSD(torch.autograd.Function):
    """The sum; its gradient is worked out on the way."""

    @staticmethod
    def forward(ctx: Any, logit: Tensor, weight: Tensor) -> Tensor:
        p, q = torch.sigmoid(logit), torch.sigmoid(-logit)
        of_pairs, slope = _of_listed_pairs(p, q, weight) if may_wait(logit) else _of_all_pairs(p, q, weight)
        shares = weight.sum(1)
        ctx.save_for_backward(0.5 * p * q * (slope + shares[:, None] * logit))
        return of_pairs - 0.5 * shares @ bernoulli_entropy(logit).sum(1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return grad * gradient, None


def _of_listed_pairs(p: Tensor, q: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted sum of the entropies of all mixtures, (), and sum over j of weight[i, j] log(off / on), (B, M)."""
    first, second = torch.triu(weight, diagonal=1).nonzero(as_tuple=True)
    of_pair = weight[first, second]
    entropies, ratios = _mixed(_means(p, first, second), _means(q, first, second))
    ratios.mul_(of_pair[:, None])
    slope = torch.zeros_like(p).index_add_(0, first, ratios).index_add_(0, second, ratios)
    return of_pair @ entropies, slope


def _of_all_pairs(p: Tensor, q: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """The same of all B^2 pairs, most of them with the weight 0: a GPU need not know how many there are."""
    size = max(1, GPU_BLOCK // (4 * p.numel()))
    total, slopes = p.new_zeros(()), []
    for rows, weights, others in zip(p.split(size), weight.split(size), q.split(size), strict=True):
        entropies, ratios = _mixed((rows[:, None] + p) / 2, (others[:, None] + q) / 2)
        total = total + 0.5 * (weights * entropies).sum()
        slopes.append((weights[:, :, None] * ratios).sum(1))
    return total, torch.cat(slopes)


def _means(values: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return values.index_select(0, first).add_(values.index_select(0, second)).mul_(0.5)


def _mixed(on: Tensor, off: Tensor) -> tuple[Tensor, Tensor]:
    """Entropy of mixtures (..., M), summed over units (...), and log(off / on), (..., M)."""
    tiny = torch.finfo(on.dtype).tiny
    log_on, log_off = on.clamp_min(tiny).log_(), off.clamp_min(tiny).log_()
    return -(on.mul_(log_on) + off.mul_(log_off)).sum(-1), log_off.sub_(log_on)
