"""VAE, VSC and class-aligned VSC: bounds, alignment against a literal loop, warm-up."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from models.base import LikelihoodModel, warmup
from models.spike_slab import bernoulli_jsd
from models.vae import VAE
from models.vsc import VSC
from models.vsc_aligned import AlignedVSC, alignment_loss

SMALL: dict[str, Any] = {"n_latents": 3, "hidden": 16}


def small(cls: type[LikelihoodModel], **fields: Any) -> LikelihoodModel:
    return cls(cls.Config(**(SMALL | fields)), 6)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("cls", [VAE, VSC])
def test_elbo_is_below_the_importance_bound_which_tightens(cls: type[LikelihoodModel], likelihood: str) -> None:
    model = small(cls, likelihood=likelihood)
    x = torch.rand(8, 6).repeat(2000, 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)  # a posterior that is not the prior
        elbo = model.elbo(x).mean().item()
        bounds = [model.log_likelihood(x, n).mean().item() for n in (1, 10, 100)]
    assert bounds[0] == pytest.approx(elbo, abs=0.1)
    assert bounds[0] < bounds[1] < bounds[2]


def test_importance_bound_of_vsc_converges_to_the_exact_likelihood() -> None:
    """One latent: p(x) = (1 - alpha) p(x|0) + alpha E[p(x|z)], the second term by quadrature."""
    model = VSC(VSC.Config(n_latents=1, hidden=8, alpha=0.3), 6)
    x = torch.rand(4, 6)
    with torch.no_grad():
        z = torch.linspace(-8, 8, 4001)[:, None, None]
        log_prior = -0.5 * z.squeeze(-1).square() - 0.5 * math.log(2 * math.pi) + math.log(16 / 4000)
        on = torch.logsumexp(model.decoder.log_density(x, z.expand(-1, 4, -1)) + log_prior, 0) + math.log(0.3)
        off = model.decoder.log_density(x, torch.zeros(4, 1)) + math.log(0.7)
        torch.testing.assert_close(model.log_likelihood(x, 100_000), torch.logaddexp(on, off), atol=0.01, rtol=0)


def test_bernoulli_density_is_the_binary_cross_entropy() -> None:
    model = small(VAE)
    x, z = torch.rand(5, 6), torch.randn(5, 3)
    with torch.no_grad():
        expected = -torch.nn.functional.binary_cross_entropy(model.decoder.mean(z), x, reduction="none").sum(1)
        torch.testing.assert_close(model.decoder.log_density(x, z), expected)


def literal_alignment(logit: Tensor, labels: Tensor) -> float:
    per_class = []
    for label in labels.unique().tolist():
        rows = [i for i in range(len(labels)) if labels[i] == label]
        pairs = [(i, j) for i in rows for j in rows if i < j]
        if pairs:
            per_class.append(sum(bernoulli_jsd(logit[i], logit[j]).sum().item() for i, j in pairs) / len(pairs))
    return sum(per_class) / len(per_class) if per_class else 0.0


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 1, 2, 0], [0, 0], [0, 1, 2], [3]])
def test_alignment_equals_a_double_loop_over_pairs(labels: list[int]) -> None:
    logit = torch.randn(len(labels), 4, dtype=torch.float64, requires_grad=True)
    loss = alignment_loss(logit, torch.tensor(labels))
    assert loss.item() == pytest.approx(literal_alignment(logit.detach(), torch.tensor(labels)), abs=1e-12)
    loss.backward()  # also where no pair exists


def test_aligned_vsc_adds_lambda_times_the_alignment_to_vsc() -> None:
    model = AlignedVSC(AlignedVSC.Config(**SMALL, alignment=3.0), 6)
    losses = model.loss(torch.rand(12, 6), torch.arange(12) % 3, 1.0)
    parts = losses.terms
    expected = parts["nll"] + parts["slab_kl"] + parts["spike_kl"] + 3 * parts["alignment"]
    torch.testing.assert_close(losses.total, expected)


def test_vsc_codes_are_hard() -> None:
    codes = small(VSC).encode(torch.rand(50, 6))
    assert codes.gamma is not None
    assert ((codes.z != 0) == (codes.gamma > 0.5)).all()


def test_spike_warmup_starts_at_the_prior_slab() -> None:
    model = small(VSC, spike_warmup=0.5)
    x, labels = torch.rand(20, 6), torch.zeros(20)
    assert model.loss(x, labels, 0.0).terms["slab_kl"].item() == pytest.approx(0, abs=1e-6)
    assert model.loss(x, labels, 0.5).terms["slab_kl"].item() > 1e-4


def test_warmup_ramps_from_zero_to_one() -> None:
    assert [warmup(p, 0.5) for p in (0.0, 0.25, 0.5, 1.0)] == [0.0, 0.5, 1.0, 1.0]
    assert warmup(0.0, 0.0) == 1.0
