"""VAE, VSC and class-aligned VSC: bounds, alignment against a literal loop, warm-up."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import entropy
from torch import Tensor

from models.base import warmup
from models.vae import VAE
from models.vsc import VSC
from models.vsc_aligned import AlignedVSC, alignment_loss
from tests.models.parts.divergence import bernoulli_jsd

SMALL: dict[str, Any] = {"n_latents": 3, "hidden": 16}


def small(cls: type[VAE] | type[VSC], **fields: Any) -> VAE | VSC:
    return cls(cls.Config(**(SMALL | fields)), 6)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize(("cls", "fields"), [(VAE, {}), (VSC, {}), (VSC, {"spike_head": "log_relu"})])
def test_elbo_is_below_the_importance_bound_which_tightens(
    cls: type[VAE] | type[VSC], fields: dict[str, str], likelihood: str
) -> None:
    model = small(cls, likelihood=likelihood, **fields).eval()
    x = torch.rand(8, 6).repeat(2000, 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)  # a posterior that is not the prior
        elbo = model.elbo(x).mean().item()
        bounds = [model.log_likelihood(x, n).mean().item() for n in (1, 10, 100)]
    assert bounds[0] == pytest.approx(elbo, abs=0.1)
    assert bounds[0] < bounds[1] < bounds[2]


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_after_warmup_the_loss_of_a_vae_is_the_mean_of_minus_its_elbo(likelihood: str) -> None:
    model, x = small(VAE, likelihood=likelihood), torch.rand(8, 6)
    torch.manual_seed(1)
    loss = model.loss(x, torch.zeros(8), progress=1.0).total
    torch.manual_seed(1)
    torch.testing.assert_close(loss, -model.elbo(x).mean())


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


def pairs_of(rows: Tensor) -> float:
    """Mean over all pairs of the summed divergence, pair by pair."""
    pairs = [(i, j) for i in range(len(rows)) for j in range(i + 1, len(rows))]
    return sum(bernoulli_jsd(rows[i], rows[j]).sum().item() for i, j in pairs) / len(pairs)


def all_at_once(rows: Tensor) -> float:
    """Entropy of the mean distribution minus the mean entropy, by scipy, unit by unit."""
    gamma = torch.sigmoid(rows).numpy()
    each = np.stack([gamma, 1 - gamma])
    return float((entropy(each.mean(1), axis=0) - entropy(each, axis=0).mean(0)).sum())


@pytest.mark.parametrize(("alignment", "within"), [("pairwise", pairs_of), ("batch", all_at_once)])
@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 1, 2, 0], [0, 0], [0, 1, 2], [3], [-1, 4, 4, -1], [-1, -1]])
def test_alignment_equals_a_literal_loop(
    labels: list[int], alignment: Literal["pairwise", "batch"], within: Callable[[Tensor], float]
) -> None:
    logit = torch.randn(len(labels), 4, dtype=torch.float64, requires_grad=True)
    loss = alignment_loss(logit, torch.tensor(labels), alignment)
    groups = [logit.detach()[torch.tensor(labels) == label] for label in set(labels) - {-1}]
    per_class = [within(group) for group in groups if len(group) > 1]
    assert loss.item() == pytest.approx(sum(per_class) / max(1, len(per_class)), abs=1e-12)
    loss.backward()  # also where no pair exists
    assert logit.grad is not None
    assert logit.grad.isfinite().all()


@pytest.mark.parametrize("alignment", ["pairwise", "batch"])
def test_aligned_vsc_adds_lambda_times_the_alignment_to_vsc(alignment: str) -> None:
    model = AlignedVSC(AlignedVSC.Config(**SMALL, alignment=alignment, alignment_weight=3.0), 6)
    losses = model.loss(torch.rand(12, 6), torch.arange(12) % 3, 1.0)
    parts = losses.terms
    expected = parts["nll"] + parts["slab_kl"] + parts["spike_kl"] + 3 * parts["alignment"]
    torch.testing.assert_close(losses.total, expected)


@pytest.mark.parametrize("alignment", ["pairwise", "batch"])
@pytest.mark.parametrize("labels", ["kmeans_inputs", "kmeans_gamma"])
def test_clusters_take_the_place_of_labels(labels: str, alignment: str) -> None:
    """Whatever labels are given: the penalty is that of the model's own ones."""
    x, none = torch.rand(60, 6), torch.full((60,), -1)
    model = AlignedVSC(AlignedVSC.Config(**SMALL, labels=labels, n_clusters=4, alignment=alignment), 6)
    model.prepare(x, none)
    model.eval()
    own = model.pseudo_labels(x)
    assert own is not None
    assert len(own.unique()) == 4
    penalty = model.loss(x, none, 1.0).terms["alignment"]
    assert penalty > 0
    torch.testing.assert_close(penalty, alignment_loss(model.posterior(x).logit, own, alignment))
    torch.testing.assert_close(model.loss(x, torch.arange(60) % 2, 1.0).terms["alignment"], penalty)
    before = model.clusters.centres.clone()
    model.train().loss(x[:20], none[:20], 1.0)
    assert torch.equal(before, model.clusters.centres) == (labels == "kmeans_inputs")


def test_runs_with_given_labels_keep_their_config_and_their_weights() -> None:
    config = AlignedVSC.Config(**SMALL)
    assert config.model_dump().keys() == VSC.Config().model_dump().keys() | {"alignment", "alignment_weight"}
    assert AlignedVSC(config, 6).state_dict().keys() == small(VSC).state_dict().keys()
    assert AlignedVSC(config, 6).pseudo_labels(torch.rand(3, 6)) is None
    own = AlignedVSC.Config(**SMALL, labels="kmeans_inputs", n_clusters=7)
    assert AlignedVSC.Config(**own.model_dump()) == own


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([-1, -1, -1, -1], ["none of the 4 training images", "same-class pair"]),
        ([3, 3, -1, 3], ["class 3", "the same code"]),
        ([0, 1, 2, -1], ["[0, 1, 2]", "single training image"]),
    ],
)
def test_labels_that_form_no_pairs_are_refused(labels: list[int], words: list[str]) -> None:
    with pytest.raises(ValueError, match="labels: ") as caught:
        AlignedVSC(AlignedVSC.Config(**SMALL), 6).prepare(torch.rand(4, 6), torch.tensor(labels))
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    "fields", [{"alpha": 0.0}, {"alpha": 1.0}, {"alignment_weight": -1}, {"batch_size": 1}, {"temperature": 0}]
)
def test_values_out_of_range_name_the_field(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        AlignedVSC.Config(**fields)
    with pytest.raises(ValidationError, match="beta"):
        VAE.Config(beta=-0.1)


def test_vsc_codes_are_hard() -> None:
    codes = small(VSC).encode(torch.rand(50, 6))
    assert codes.gamma is not None
    assert ((codes.z != 0) == (codes.gamma > 0.5)).all()


def test_means_of_vsc_are_its_codes_where_units_are_on() -> None:
    model, x = small(VSC).eval(), torch.rand(50, 6)
    codes = model.encode(x)
    assert codes.gamma is not None
    on = codes.gamma > 0.5
    assert 0 < on.sum() < on.numel()
    assert torch.equal(torch.where(on, model.posterior_mean(x), 0.0), codes.dense())
    assert (model.posterior_mean(x)[~on] != 0).all()


def test_spike_warmup_starts_at_the_prior_slab() -> None:
    model = small(VSC, spike_warmup=0.5)
    x, labels = torch.rand(20, 6), torch.zeros(20)
    assert model.loss(x, labels, 0.0).terms["slab_kl"].item() == pytest.approx(0, abs=1e-6)
    assert model.loss(x, labels, 0.5).terms["slab_kl"].item() > 1e-4


def test_alpha_warmup_moves_the_prior_from_one_half_to_alpha() -> None:
    model = small(VSC, alpha=0.1, alpha_warmup=0.5)
    x, labels = torch.rand(20, 6), torch.zeros(20)
    gamma = model.encode(x).gamma.double()
    for progress, odds in ((0.0, 1.0), (0.25, 1 / 3), (0.5, 1 / 9), (1.0, 1 / 9)):
        q, p = torch.distributions.Bernoulli(gamma), torch.distributions.Bernoulli(odds / (1 + odds))
        expected = torch.distributions.kl_divergence(q, p).sum(1).mean()
        torch.testing.assert_close(model.loss(x, labels, progress).terms["spike_kl"].double(), expected)


def test_kl_warmup_weights_every_kl_term() -> None:
    model = small(VSC, kl_warmup=0.5, prior="pseudo_inputs")
    x, labels = torch.rand(20, 6), torch.zeros(20)
    for progress, weight in ((0.0, 0.0), (0.25, 0.5), (0.5, 1.0)):
        losses = model.loss(x, labels, progress)
        kl = sum(losses.terms[name] for name in ("slab_kl", "spike_kl", "aggregate_kl"))
        torch.testing.assert_close(losses.total, losses.terms["nll"] + weight * kl)


def test_warmup_ramps_from_zero_to_one() -> None:
    assert [warmup(p, 0.5) for p in (0.0, 0.25, 0.5, 1.0)] == [0.0, 0.5, 1.0, 1.0]
    assert warmup(0.0, 0.0) == 1.0


def test_pseudo_inputs_bound_the_mixture_prior_from_below() -> None:
    """ELBO with the selected component and ln U <= one-sample bound under the whole mixture <= many-sample bounds."""
    model = small(VSC, prior="pseudo_inputs", n_pseudo_inputs=4)
    assert isinstance(model, VSC)
    assert model.pseudo_inputs is not None
    with torch.no_grad():
        model.pseudo_inputs.inputs.normal_(0, 3)  # components that differ
        x = torch.rand(8, 6).repeat(2000, 1)
        bounds = [model.elbo(x).mean().item(), *(model.log_likelihood(x, n).mean().item() for n in (1, 10, 100))]
    assert bounds == sorted(bounds)


@pytest.mark.parametrize("n", [1, 4])
def test_pseudo_inputs_that_are_all_the_same_cost_ln_u_and_nothing_else(n: int) -> None:
    """The mixture is then its one component: the ELBO that selects it is ln U below the one-sample bound."""
    model = small(VSC, prior="pseudo_inputs", n_pseudo_inputs=n)
    assert isinstance(model, VSC)
    assert model.pseudo_inputs is not None
    x = torch.rand(8, 6).repeat(5000, 1)
    with torch.no_grad():
        model.pseudo_inputs.inputs.copy_(model.pseudo_inputs.inputs[:1].clone())
        bound = model.log_likelihood(x, 1).mean().item()
        assert model.elbo(x).mean().item() == pytest.approx(bound - math.log(n), abs=0.05)


def test_pseudo_inputs_learn_and_their_selector_too() -> None:
    model = small(VSC, prior="pseudo_inputs", n_pseudo_inputs=3)
    assert isinstance(model, VSC)
    assert model.pseudo_inputs is not None
    losses = model.loss(torch.rand(20, 6), torch.zeros(20), 1.0)
    torch.testing.assert_close(losses.total, torch.stack(list(losses.terms.values())).sum())
    losses.total.backward()
    for parameter in model.pseudo_inputs.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0
    weights = model.pseudo_inputs.weights(torch.rand(5, 6))
    torch.testing.assert_close(weights.sum(1), torch.ones(5))


def test_the_aggregate_term_holds_the_mean_spike_at_alpha() -> None:
    """J KL(Bernoulli(mean gamma) || Bernoulli(alpha)) by hand, for a prior of two known components."""
    model = small(VSC, prior="pseudo_inputs", n_pseudo_inputs=2, alpha=0.1)
    assert isinstance(model, VSC)
    x = torch.rand(5, 6)
    components, weights = model.prior(x)
    mean = weights @ torch.sigmoid(components.logit).mean(1)
    expected = 3 * (mean * (mean / 0.1).log() + (1 - mean) * ((1 - mean) / 0.9).log()).mean()
    torch.testing.assert_close(model.loss(x, torch.zeros(5), 1.0).terms["aggregate_kl"], expected)


@pytest.mark.parametrize("relaxation", ["sigmoid_c", "concrete", "straight_through"])
def test_every_relaxation_trains_the_spikes(relaxation: str) -> None:
    model = small(VSC, relaxation=relaxation)
    assert isinstance(model, VSC)
    model.loss(torch.rand(64, 6), torch.zeros(64), 1.0).terms["nll"].backward()
    assert model.heads.weight.grad is not None
    assert model.heads.weight.grad[:3].abs().sum() > 0


def test_samples_of_vsc_are_on_as_often_as_gamma_says() -> None:
    model = VSC(VSC.Config(**SMALL), 6)
    x = torch.rand(1, 6).expand(20_000, 6)
    with torch.no_grad():
        drawn = model.sample(x)
    assert isinstance(drawn.gamma, Tensor)
    torch.testing.assert_close((drawn.z != 0).float().mean(0), drawn.gamma[0], atol=0.015, rtol=0)
