"""RA-SAE: its constraints after every step, its loss and gradients beside autograd, its start and its stability."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute.training import train
from models.archetypal import Archetypal
from models.base import Model
from models.topk import TopK


def made(n_latents: int = 20, d: int = 8, n: int = 90, **fields: float) -> tuple[Archetypal, Tensor]:
    """A model that is prepared, in float64, and its training inputs."""
    model = Archetypal(Archetypal.Config(n_latents=n_latents, k=min(3, n_latents), **fields), d).double()
    x = torch.rand(n, d, dtype=torch.float64)
    model.prepare(x, torch.zeros(n))
    return model, x


def assert_constrained(model: Archetypal) -> None:
    """W is row-stochastic, ||L_i|| <= radius, and the dictionary is made of them."""
    assert (model.weights >= 0).all()
    torch.testing.assert_close(model.weights.sum(1), torch.ones_like(model.weights[:, 0]))
    assert (model.relaxation.norm(dim=1) <= model.radius * (1 + 1e-6)).all()
    made_of = model.log_scale.exp() * (model.weights @ model.candidates + model.relaxation)
    torch.testing.assert_close(model.dictionary, made_of)


@pytest.mark.parametrize("delta", [0.0, 1.0])
def test_the_constraints_hold_after_every_step(delta: float) -> None:
    model, x = made(delta=delta)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)  # steps that leave the simplex and the ball
    start = model.dictionary.detach().clone()
    for _ in range(20):
        optimiser.zero_grad()
        model.loss(x, torch.zeros(len(x)), 0.5).total.backward()
        model.after_backward()
        optimiser.step()
        model.after_step()
        assert_constrained(model)
    assert (model.dictionary - start).abs().max() > 0.01
    assert (model.weights == 0).any()
    assert (model.relaxation.norm(dim=1).max() > 0) == bool(delta)


def test_loss_and_gradients_are_those_of_the_formula() -> None:
    """Autograd through D = e^s (W C + L), dense codes and all, in float64."""
    model, x = made(auxk=0)
    with torch.no_grad():
        model.weights.copy_(torch.rand(20, 20).softmax(1))
        model.relaxation.normal_(0, 0.1)
        model.log_scale.fill_(0.3)
        model.encoder_bias.normal_(0, 0.1)
    model.after_step()
    model.loss(x, torch.zeros(len(x)), 0.5).total.backward()
    names = ["weights", "relaxation", "log_scale", "encoder", "encoder_bias", "bias"]
    free = {name: getattr(model, name).detach().clone().requires_grad_() for name in names}
    dictionary = free["log_scale"].exp() * (free["weights"] @ model.candidates + free["relaxation"])
    a = ((x - free["bias"]) @ free["encoder"].T + free["encoder_bias"]).relu()
    z = a * torch.zeros_like(a).scatter_(1, a.topk(3).indices, 1.0)
    error = (x - z @ dictionary - free["bias"]).square().sum(1).mean()
    expected = torch.autograd.grad(error / x.var(0, correction=0).sum(), list(free.values()))
    for name, gradient in zip(names, expected, strict=True):
        torch.testing.assert_close(getattr(model, name).grad, gradient, msg=name)


def test_it_starts_at_the_centroids_whatever_the_seed() -> None:
    _, x = made()
    models = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        models.append(Archetypal(Archetypal.Config(n_latents=20, k=3), 8).double())
        models[-1].prepare(x, torch.zeros(len(x)))
    assert torch.equal(models[0].dictionary, models[1].dictionary)
    centres = torch.from_numpy(KMeans(20, n_init=1, random_state=0).fit(x.numpy()).cluster_centers_) - models[0].bias
    torch.testing.assert_close(models[0].atoms().detach(), centres / centres.square().sum(1).mean().sqrt())
    torch.testing.assert_close(models[0].encoder.norm(dim=1), torch.ones(20, dtype=torch.float64))


def test_delta_is_in_units_of_the_data() -> None:
    """On data of mean squared norm D that is the radius around candidates as they are; on scaled data all scales."""
    model, x = made()
    scaled = Archetypal(model.config, 8).double()
    scaled.prepare(50 * x, torch.zeros(len(x)))
    torch.testing.assert_close(scaled.radius, model.radius)
    torch.testing.assert_close(scaled.dictionary, model.dictionary)
    points = torch.from_numpy(KMeans(20, n_init=1, random_state=0).fit(x.numpy()).cluster_centers_) - model.bias
    norm = points.square().sum(1).mean().sqrt()
    torch.testing.assert_close(model.radius * norm, x.var(0, correction=0).mean().sqrt())


@pytest.mark.parametrize(("m", "n", "x"), [(1, 9, None), (30, 9, None), (4, 1, None), (6, 9, torch.ones(9, 8))])
def test_odd_sizes(m: int, n: int, x: Tensor | None) -> None:
    """One atom; more atoms than samples; one sample; constant features."""
    model, random = made(m, n=n)
    x = random if x is None else x.double()
    model.prepare(x, torch.zeros(len(x)))
    assert_constrained(model)
    assert model.loss(x, torch.zeros(len(x)), 0.5).total.isfinite()
    assert model.decode(model.encode(x)).isfinite().all()
    if m > n > 1:
        assert len(model.dictionary.detach().unique(dim=0)) > n, "atoms that have no candidate lie between two"


def test_a_point_counts_once_however_often_it_stands_in_the_data() -> None:
    """Of three rows that repeat there are three candidates: Adam moves each weight, and would move copies each."""
    model, _ = made()
    x = torch.rand(3, 8, dtype=torch.float64).repeat(30, 1)
    model.prepare(x, torch.zeros(90))
    before, rate = (model.weights @ model.candidates).detach(), 0.01
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    model.loss(x, torch.zeros(90), 0.5).total.backward()
    optimiser.step()
    model.after_step()
    assert_constrained(model)
    moved = (model.weights @ model.candidates - before).norm(dim=1)
    assert 0 < moved.max() <= 2 * 3 * rate * model.candidates.norm(dim=1).max()
    assert len(model.dictionary.detach().unique(dim=0)) == 20
    with torch.no_grad():
        model.weights.fill_(-1)
    model.after_step()  # a row that has lost all its weights has the same of each candidate
    torch.testing.assert_close(model.weights @ model.candidates, model.candidates[:3].mean(0).expand(20, 8))


def test_dictionaries_of_two_seeds_agree_more_than_those_of_topk(digits: Dataset) -> None:
    def agreement(cls: type[Model]) -> float:
        """Mean |cosine| of the atoms of two seeds, matched one to one."""
        found = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            model = cls(cls.Config(n_latents=40, k=4, epochs=5), 64)
            train(model, Split(digits.train.x, digits.train.labels), batches_seed=seed)
            found.append(torch.nn.functional.normalize(model.atoms().detach(), dim=1))  # type: ignore[attr-defined]
        cosines = (found[0] @ found[1].T).abs().numpy()
        return float(cosines[linear_sum_assignment(-cosines)].mean())

    assert agreement(Archetypal) > agreement(TopK) + 0.2
