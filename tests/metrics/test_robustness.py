"""Effects of a change: by hand, by loops, and with matching pursuit, whose residual is orthogonal to its last atom."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from metrics import robustness
from metrics.base import NotApplicable
from metrics.matrix import evenly_spaced
from models.mp import MatchingPursuit
from tests.metrics.cases import csr


def identity(x: Tensor) -> Tensor:
    return x


def keep_largest(x: Tensor, k: int) -> Tensor:
    kept = x.topk(k, dim=1).indices
    return torch.zeros_like(x).scatter(1, kept, x.gather(1, kept))


def fvu_of(x: Tensor, x_hat: Tensor) -> float:
    a, b = x.double().numpy(), x_hat.double().numpy()
    return float(((a - b) ** 2).sum() / ((a - a.mean(0)) ** 2).sum())


def test_budgets_by_hand() -> None:
    # x = (3, 1), (1, 3); mean (2, 2): total 4. One unit kept leaves 1 + 1 = 2: FVU 1/2; two leave nothing. Of k = 1,
    # k/4 and k/2 are one unit as well; 4k is more than there are.
    x = torch.tensor([[3.0, 1.0], [1.0, 3.0]])
    found = robustness.inference_fvu(keep_largest, identity, x, 1)
    assert found == {"k'=1": 0.5, "1/4k": 0.5, "1/2k": 0.5, "1k": 0.5, "2k": 0}


def test_last_atom_by_hand() -> None:
    # x = (3, 4), atoms the axes and the empty code's reconstruction 0: with k = 1 the unit 1 is taken, and the residual
    # (3, 0) is orthogonal to it. A decoder that halves leaves (3, 2): |2| / 5.
    x, eye = torch.tensor([[3.0, 4.0]]), torch.eye(2)
    assert robustness.last_atom_correlation(keep_largest, identity, eye, x, 1) == 0
    assert robustness.last_atom_correlation(keep_largest, lambda z: z / 2, 7 * eye, x, 1) == pytest.approx(0.4)
    # The second step takes unit 0, of which 1.5 is left: 1.5 / 5.
    assert robustness.last_atom_correlation(keep_largest, lambda z: z / 2, eye, x, 2) == pytest.approx(0.3)


def test_ablation_by_hand() -> None:
    # x = (3, 1), (1, 3), total 4, exact; without unit 0 the error is 9 + 1 = 10: FVU 2.5, and so without unit 1.
    x = torch.tensor([[3.0, 1.0], [1.0, 3.0]])
    assert robustness.ablation_fvu(identity, x, x, x > 0) == pytest.approx(2.5)
    assert robustness.ablation_fvu(identity, x, csr(x), csr(x > 0)) == pytest.approx(2.5)


def test_agreement_by_hand() -> None:
    # Sets {0, 1} and {1, 2}, one of three shared; two empty sets agree; equal sets. Mean (1/3 + 1 + 1) / 3.
    draws = iter([torch.tensor([[1, 2, 0], [0, 0, 0], [0, 5, 0]]), torch.tensor([[0, 3, -4], [0, 0, 0], [0, 1, 0]])])
    assert robustness.selection_agreement(lambda x: next(draws), torch.zeros(3, 2)) == pytest.approx((1 / 3 + 2) / 3)


def test_budgets_agree_with_the_reconstruction_at_each_budget() -> None:
    x, atoms = torch.rand(70, 9), torch.randn(9, 9)
    found = robustness.inference_fvu(keep_largest, lambda z: z @ atoms, x, 4)
    budgets = {"k'=1": 1, "1/4k": 1, "1/2k": 2, "1k": 4, "2k": 8}
    assert found == pytest.approx({name: fvu_of(x, keep_largest(x, k) @ atoms) for name, k in budgets.items()})


def test_last_atom_agrees_with_a_loop_over_images() -> None:
    x, atoms, bias = torch.rand(30, 6), torch.randn(6, 6), torch.rand(6)
    found = robustness.last_atom_correlation(keep_largest, lambda z: z @ atoms + bias, atoms, x, 3)
    largest = 0.0
    for row in x:
        chosen = torch.argsort(row, descending=True)[:3]
        residual = row - sum(row[j] * atoms[j] for j in chosen) - bias
        atom = atoms[chosen[-1]]
        largest = max(largest, abs(float(atom @ residual)) / float(atom.norm() * (row - bias).norm()))
    assert found == pytest.approx(largest, rel=1e-5)


def test_matching_pursuit_leaves_a_residual_orthogonal_to_its_last_atom() -> None:
    x = torch.rand(40, 10)
    model = MatchingPursuit(MatchingPursuit.Config(n_latents=15, k=3), 10)
    with torch.no_grad():
        model.prepare(x, torch.zeros(40))
        found = robustness.last_atom_correlation(
            lambda x, k: model.encode_with_budget(x, k).dense(),
            lambda z: z @ model.atoms() + model.bias,
            model.atoms(),
            x,
            3,
        )
    assert found == pytest.approx(0, abs=1e-5)


def test_a_step_that_changes_nothing_has_no_last_atom() -> None:
    assert robustness.last_atom_correlation(
        keep_largest, identity, torch.eye(3), torch.zeros(4, 3), 2
    ) == NotApplicable("the last step of encoding changes no code")
    assert robustness.last_atom_correlation(
        keep_largest, identity, torch.eye(3), torch.zeros(4, 3), 1
    ) == NotApplicable("the last step of encoding changes no code")


def test_agreement_agrees_with_python_sets() -> None:
    x = torch.rand(200, 6)

    def sample(x: Tensor) -> Tensor:
        return x * (torch.rand_like(x) < 0.4)

    torch.manual_seed(3)
    first, second = ([set(row.nonzero()[0]) for row in sample(x).numpy()] for _ in range(2))
    expected = np.mean([len(a & b) / len(a | b) if a | b else 1 for a, b in zip(first, second, strict=True)])
    torch.manual_seed(3)
    assert robustness.selection_agreement(sample, x) == pytest.approx(expected)


def test_encoders_without_noise_agree_and_independent_ones_at_chance() -> None:
    x = torch.rand(1000, 40)
    assert robustness.selection_agreement(lambda x: x.relu(), x) == 1
    assert robustness.selection_agreement(torch.zeros_like, x) == 1
    assert robustness.selection_agreement(lambda x: torch.rand_like(x) < 0.5, x) == pytest.approx(1 / 3, abs=0.01)


def test_noise_is_passed_on_by_the_identity_and_stopped_by_a_constant() -> None:
    x = torch.rand(500, 8)
    for scale in (1e-4, 1.0, 1e4):
        assert robustness.noise_fvu(identity, identity, scale * x) == pytest.approx(0.01, rel=0.1)
    assert robustness.noise_fvu(identity, lambda z: x.mean(0).expand_as(z), x) == pytest.approx(1, abs=1e-6)
    assert robustness.noise_fvu(identity, lambda z: x, x) == 0, "against the clean image"
    before = torch.rand(1, generator=torch.Generator().manual_seed(5))
    torch.manual_seed(5)
    robustness.noise_fvu(identity, identity, x)
    assert torch.equal(torch.rand(1), before), "the global stream is left alone"


def test_ablation_agrees_with_a_loop_over_the_units_that_are_on_most(monkeypatch: pytest.MonkeyPatch) -> None:
    z = torch.randn(60, 10) * (torch.rand(60, 10) < torch.linspace(0.05, 0.9, 10))
    atoms, x = torch.randn(10, 7), torch.randn(60, 7)
    monkeypatch.setattr(robustness, "ABLATED", 4)
    most = sorted(range(10), key=lambda j: -int((z[:, j] != 0).sum()))[:4]
    rises = []
    for unit in most:
        without = z.clone()
        without[:, unit] = 0
        rises.append(fvu_of(x, without @ atoms) - fvu_of(x, z @ atoms))
    assert robustness.ablation_fvu(lambda z: z @ atoms, x, z, z != 0) == pytest.approx(np.mean(rises), rel=1e-5)


def test_dead_units_and_a_constant_decoder_lose_nothing() -> None:
    x, off = torch.rand(6, 3), torch.zeros(6, 4)
    assert robustness.ablation_fvu(lambda z: x, x, off, off != 0) == NotApplicable("all units are dead")
    assert robustness.ablation_fvu(lambda z: x / 2, x, off + 1, off == 0) == 0


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_images_that_are_all_the_same_have_no_variance_to_lose(n: int, factor: float) -> None:
    x = torch.full((n, 4), 0.3)
    assert robustness.ablation_fvu(lambda z: factor * z, x, x, x > 0) == NotApplicable("all images are the same")


def test_large_sets_are_read_on_evenly_spaced_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "MAX_SAMPLES", 20)
    x = torch.rand(90, 5)
    few = x[evenly_spaced(90, 20)]
    assert robustness.inference_fvu(keep_largest, identity, x, 2)["1k"] == pytest.approx(
        fvu_of(few, keep_largest(few, 2))
    )
    assert robustness.noise_fvu(identity, identity, x) == robustness.noise_fvu(identity, identity, few)
    z = keep_largest(x, 3)
    expected = robustness.ablation_fvu(identity, few, z[evenly_spaced(90, 20)], z > 0)
    assert robustness.ablation_fvu(identity, x, csr(z), csr(z > 0)) == pytest.approx(expected)
