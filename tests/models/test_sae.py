"""The encoder-based SAEs against dense autograd and literal formulas; budgets, dead units, thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute.batches import batches
from bench.execute.outputs import outputs_of
from bench.execute.training import train
from bench.plugins.loading import load_dataset, load_model_class
from bench.plugins.registry import DATASET_REGISTRY, MODEL_REGISTRY
from models.abstopk import AbsTopK
from models.base import Losses
from models.batchtopk import BatchTopK
from models.capabilities import Budgeted
from models.gated import Gated
from models.hierarchical_topk import HierarchicalTopK
from models.jumprelu import THETA_RATE, JumpReLU
from models.matryoshka import Matryoshka
from models.mp import MatchingPursuit
from models.parts.linear_encoder import LinearEncoderModel
from models.topk import TopK
from models.topk_hoyer import TopKHoyer
from models.topk_l1 import TopKL1
from models.topk_l2 import TopKL2
from models.vsae import VSAE
from tests.models.test_contract import DICTIONARIES, FIXED_K, trained


def double(cls: type[LinearEncoderModel], d: int = 10, **fields: Any) -> tuple[Any, Tensor]:
    """A model in float64 with random parameters, and a batch."""
    fields = {"n_latents": 30, "k": 4, "auxk": 0} | fields
    model = cls(cls.Config(**{k: v for k, v in fields.items() if k in cls.Config.model_fields}), d).double()
    with torch.no_grad():
        model.encoder.add_(torch.randn_like(model.encoder) / 3)
        model.encoder_bias.normal_(0, 0.1)
        model.bias.normal_(0, 0.1)
    return model, torch.rand(16, d, dtype=torch.float64)


def assert_same(model: LinearEncoderModel, losses: Losses, expected: Tensor) -> None:
    """The loss and every parameter's gradient agree to 1e-7."""
    torch.testing.assert_close(losses.total, expected)
    parameters = list(model.parameters())
    ours = torch.autograd.grad(losses.total, parameters)
    torch.testing.assert_close(ours, torch.autograd.grad(expected, parameters), atol=1e-7, rtol=1e-7)


def dense_parts(model: LinearEncoderModel, x: Tensor) -> tuple[Tensor, Tensor]:
    """Rectified pre-activations with autograd, and the mask of each row's k largest."""
    a = ((x - model.bias) @ model.encoder.T + model.encoder_bias).relu()
    return a, torch.zeros_like(a).scatter_(1, a.topk(model.config.k, 1).indices, 1.0)


def fvu(model: Any, x: Tensor, z: Tensor) -> Tensor:
    return (x - z @ model.dictionary - model.bias).square().sum(1).mean() / model.variance


def test_topk_gradient_equals_dense_autograd() -> None:
    model, x = double(TopK)
    a, kept = dense_parts(model, x)
    assert_same(model, model.loss(x, torch.zeros(16), 1.0), fvu(model, x, a * kept))


@pytest.mark.parametrize("cls", [TopK, HierarchicalTopK, AbsTopK, BatchTopK, Matryoshka])
def test_auxk_is_bounded_for_a_batch_of_one(cls: type[TopK]) -> None:
    model, x = double(cls, auxk=256)
    model.auxk.silence.fill_(1e9)
    model.auxk.dead_after = 1.0
    assert 0 < model.loss(x[:1], torch.zeros(1), 0.0).terms["auxk"].item() < 10


@pytest.mark.parametrize("cls", [TopK, HierarchicalTopK, AbsTopK, BatchTopK, Matryoshka, JumpReLU, Gated])
def test_nan_weights_are_seen_in_loss_and_codes(cls: type[LinearEncoderModel]) -> None:
    model, x = double(cls)
    with torch.no_grad():
        model.encoder.fill_(float("nan"))
    assert model.loss(x, torch.zeros(16), 0.0).total.isnan()
    assert model.encode(x).dense().isnan().any()


def test_a_slot_at_zero_does_not_make_a_unit_batch_active() -> None:
    """Unit 5 is a fill-in of sample 0, which has one positive pre-activation, and is off-support in sample 1."""
    model = TopKL1(TopKL1.Config(n_latents=10, k=4, auxk=0), 6)
    with torch.no_grad():
        for parameter in (model.bias, model.encoder):
            parameter.zero_()
        model.encoder_bias.fill_(-1.0)
        model.encoder_bias[0], model.encoder_bias[5] = 5, -0.5
        model.encoder[1:5, 0], model.encoder[5, 0] = 4, 1.5
    x = torch.zeros(2, 6)
    x[1, 0] = 1
    assert model.loss(x, torch.zeros(2), 0.0).terms["penalty"].item() == 0


@pytest.mark.parametrize("cls", [TopKL1, TopKHoyer])
def test_penalties_equal_their_formulas_on_batch_active_units(cls: type[TopK]) -> None:
    model, x = double(cls, penalty_weight=0.3)
    a, kept = dense_parts(model, x)
    active = kept.any(0)
    assert not active.all()
    if cls is TopKL1:
        penalty = sum(a[n, j] for n in range(16) for j in range(30) if active[j] and not kept[n, j]) / 16
    else:
        penalty = sum(row[active].sum() / row[active].square().sum().sqrt() for row in a) / 16
    losses = model.loss(x, torch.zeros(16), 1.0)
    assert_same(model, losses, fvu(model, x, a * kept) + 0.3 * penalty)
    (grad,) = torch.autograd.grad(model.loss(x, torch.zeros(16), 1.0).terms["penalty"], model.encoder_bias)
    assert (grad[~active] == 0).all()


@pytest.mark.parametrize("cls", [TopKL1, TopKHoyer])
def test_without_the_mask_every_unit_is_penalised(cls: type[TopK]) -> None:
    model, x = double(cls, penalty_weight=0.3, mask=False)
    a, kept = dense_parts(model, x)
    penalty = (a * (1 - kept)).sum(1).mean() if cls is TopKL1 else (a.sum(1) / a.norm(dim=1)).mean()
    assert_same(model, model.loss(x, torch.zeros(16), 1.0), fvu(model, x, a * kept) + 0.3 * penalty)


def test_topk_l2_is_the_variational_sae_without_noise() -> None:
    """The same loss, except that ours is divided by the data's variance."""
    model, x = double(TopKL2, penalty_weight=0.7)
    twin = VSAE(VSAE.Config(n_latents=30, k=model.config.k, variance="none", beta=0.7, beta_warmup=0), 10).double()
    twin.load_state_dict({name: model.state_dict()[name] for name in twin.state_dict()})
    loss = model.loss(x, torch.zeros(16), 1.0).total * model.variance
    expected = twin.loss(x, torch.zeros(16), 1.0).total
    torch.testing.assert_close(loss, expected)
    ours, theirs = (torch.autograd.grad(t, [m.encoder, m.dictionary]) for t, m in ((loss, model), (expected, twin)))
    torch.testing.assert_close(ours, theirs)


def test_a_sample_of_the_variational_sae_is_its_code_but_for_the_noise() -> None:
    x = torch.rand(50, 10)
    still, noisy = (VSAE(VSAE.Config(n_latents=30, k=4, variance=v), 10) for v in ("none", "unit"))
    assert torch.equal(still.sample(x).dense(), still.encode(x).dense())
    first, second = noisy.sample(x).dense(), noisy.sample(x).dense()
    assert not torch.equal(first, second)
    assert ((first != 0).sum(1) == 4).all()


def test_batchtopk_keeps_the_largest_of_the_whole_batch() -> None:
    model, x = double(BatchTopK)
    a, _ = dense_parts(model, x)
    smallest = a.flatten().topk(4 * 16).values[-1]
    assert_same(model, model.loss(x, torch.zeros(16), 1.0), fvu(model, x, a * (a >= smallest)))
    assert model.threshold.item() == pytest.approx(smallest.item())


def test_matryoshka_averages_the_errors_of_its_prefixes() -> None:
    model, x = double(Matryoshka)
    assert model.prefixes() == [2, 6, 13, 30]
    a, _ = dense_parts(model, x)
    z = a * (a >= a.flatten().topk(4 * 16).values[-1])
    prefixes = [torch.where(torch.arange(30) < size, z, 0.0) for size in (0, 2, 6, 13, 30)]
    expected = torch.stack([fvu(model, x, prefix) for prefix in prefixes]).mean()
    assert_same(model, model.loss(x, torch.zeros(16), 1.0), expected)


def test_jumprelu_thresholds_learn_by_the_papers_straight_through_rule() -> None:
    model, x = double(JumpReLU, theta_init=0.2, bandwidth=0.3)
    losses = model.loss(x, torch.zeros(16), 1.0)
    a, _ = dense_parts(model, x)
    theta = model.theta().detach()
    on, window = (a > theta).double(), ((a - theta).abs() < 0.15).double() / 0.3
    x_hat = (a * on) @ model.dictionary + model.bias
    sse = (x - x_hat).square().sum(1).mean()
    torch.testing.assert_close(losses.total, sse + 20 * (on.sum(1) / 4 - 1).square().mean())
    upstream_z = -2 / 16 * (x - x_hat) @ model.dictionary.T
    upstream_l0 = 20 * 2 / 16 * (on.sum(1, keepdim=True) / 4 - 1) / 4
    by_theta = -(upstream_z * theta * window + upstream_l0 * window).sum(0)
    parameters = [model.encoder, model.encoder_bias, model.dictionary, model.bias]
    ours = torch.autograd.grad(losses.total, [model.slow_log_theta, *parameters])
    torch.testing.assert_close(ours[0], by_theta.detach() * theta * THETA_RATE)
    torch.testing.assert_close(ours[1:], torch.autograd.grad(sse, parameters))


def test_jumprelu_has_k_units_on_average(digits: Dataset) -> None:
    model = trained("jumprelu", digits.train, epochs=20)
    assert (model.encode(digits.test.x).dense() != 0).sum(1).float().mean().item() == pytest.approx(4, rel=0.1)


def test_batchtopk_threshold_gives_k_units_on_average_and_survives_a_save(digits: Dataset, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    model = trained("batchtopk", digits.train, epochs=40)
    assert (model.encode(digits.test.x).dense() != 0).sum(1).float().mean().item() == pytest.approx(4, abs=0.4)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    twin = BatchTopK(model.config, digits.n_features)
    twin.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(twin.encode(digits.test.x).dense(), model.encode(digits.test.x).dense())


@pytest.mark.parametrize("name", DICTIONARIES)
def test_a_budget_holds_whatever_k_was_trained(name: str, digits: Dataset) -> None:
    model = trained(name, digits.train)
    assert isinstance(model, Budgeted)
    x = digits.test.x[:30]
    with torch.no_grad():
        errors = []
        for k in (1, 4, 20):
            codes = model.encode_with_budget(x, k)
            assert ((codes.dense() != 0).sum(1) <= k).all()
            errors.append((x - model.decode(codes)).square().sum().item())
        if name in FIXED_K:
            assert torch.equal(model.encode_with_budget(x, 4).dense(), model.encode(x).dense())
        if name in ("mp", "omp"):
            assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("k", [0, -1, 21])
def test_a_budget_out_of_range_names_the_range(k: int) -> None:
    model = TopK(TopK.Config(n_latents=20, k=4), 6)
    with pytest.raises(ValueError, match=rf"k = {k} is out of range; choose 1 <= k <= n_latents = 20"):
        model.encode_with_budget(torch.rand(3, 6), k)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.rand(3, 5), r"x has the shape \(3, 5\); expected \(N, 6\)"),
        (torch.tensor([[0.0] * 5 + [float("nan")]]), "x has 1 values that are NaN or infinite, of 6"),
        (torch.tensor([[0.0] * 4 + [float("inf")] * 2]), "x has 2 values"),
    ],
)
def test_bad_inputs_are_refused(x: Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MatchingPursuit(MatchingPursuit.Config(n_latents=20, k=4), 6).encode_with_budget(x, 4)


@pytest.mark.parametrize("name", list(MODEL_REGISTRY.builtins))
def test_training_and_evaluation_refuse_bad_inputs(name: str, digits: Dataset) -> None:
    model, x = trained(name, digits.train, epochs=1), digits.test.x.clone()
    x[3, 5] = float("nan")
    bad = Split(x, digits.test.labels)
    for use in (lambda: train(model, bad, batches_seed=0), lambda: outputs_of(model, digits, bad)):
        with pytest.raises(ValueError, match="x has 1 values that are NaN or infinite"):
            use()


@pytest.mark.parametrize("name", list(MODEL_REGISTRY.builtins))
@pytest.mark.parametrize("n_latents", [0, -3])
def test_a_model_has_at_least_one_latent(name: str, n_latents: int) -> None:
    with pytest.raises(ValidationError, match="n_latents"):
        load_model_class(MODEL_REGISTRY.find(name)).Config(n_latents=n_latents)


@pytest.mark.parametrize("name", [name for name in DICTIONARIES if name != "archetypal"])
def test_atoms_are_on_the_sphere_after_every_step(name: str, digits: Dataset) -> None:
    cls = load_model_class(MODEL_REGISTRY.find(name))
    if hasattr(cls, "fit"):
        return
    norms = []

    class Watched(cls):  # type: ignore[misc, valid-type]
        def after_step(self) -> None:
            super().after_step()
            norms.append(self.atoms().norm(dim=1))

    fields = {"n_latents": 20, "k": 4, "batch_size": 64, "epochs": 1}
    config = cls.Config(**{key: value for key, value in fields.items() if key in cls.Config.model_fields})
    train(Watched(config, digits.n_features), digits.train, batches_seed=0)
    assert len(norms) == 20
    torch.testing.assert_close(torch.stack(norms), torch.ones(20, 20), atol=1e-6, rtol=0)


@pytest.mark.filterwarnings("ignore:the fit had not converged")
@settings(deadline=None, max_examples=60)
@given(st.sampled_from(DICTIONARIES), st.integers(1, 5), st.integers(1, 6), st.integers(1, 4), st.data())
def test_every_shape_trains_and_encodes(name: str, n: int, m: int, d: int, data: st.DataObject) -> None:
    """k = 1 and k = M, one sample, one feature, duplicate, constant and zero rows: finite losses, gradients, codes."""
    cls = load_model_class(MODEL_REGISTRY.find(name))
    fields = {"n_latents": m, "k": data.draw(st.sampled_from([1, m])), "batch_size": n}
    model: Any = cls(cls.Config(**{k: v for k, v in fields.items() if k in cls.Config.model_fields}), d)
    kind = data.draw(st.sampled_from(["random", "duplicate", "constant", "zero"]))
    row = {"random": torch.rand(n, d), "duplicate": torch.rand(1, d), "constant": torch.ones(1, d)}
    x = row.get(kind, torch.zeros(1, d)).expand(n, d).clone()
    if hasattr(model, "fit"):
        model.fit(x)
    else:
        model.prepare(x, torch.zeros(n, dtype=torch.long))
        losses = model.loss(x, torch.zeros(n, dtype=torch.long), 1.0)
        losses.total.backward()
        assert losses.total.isfinite()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
        model.after_backward()
        model.after_step()
    with torch.no_grad():
        assert model.decode(model.encode(x)).isfinite().all()
        assert model.encode_with_budget(x, model.config.n_latents).dense().isfinite().all()


def test_dead_units_are_noticed_within_two_epochs_of_mnist(data_dir: Path) -> None:
    """The published threshold of 10 million silent samples is 180 epochs of MNIST."""
    data = load_dataset(DATASET_REGISTRY.find("mnist"), data_dir).train
    model = TopK(TopK.Config(), 784)
    model.prepare(data.x, data.labels)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    for step, (x, labels) in enumerate(batches(data, 50, seed=0)):
        losses = model.loss(x, labels, 0.0)
        if losses.terms["auxk"] > 0 or step > 2200:
            break
        optimiser.zero_grad()
        losses.total.backward()
        model.after_backward()
        optimiser.step()
        model.after_step()
    assert step < 2200
