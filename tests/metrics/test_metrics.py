"""Each metric on an example small enough to check by hand, at its ends, and against an independent reference."""

from __future__ import annotations

import inspect
import math
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import r2_score

from bench.loading import all_metrics
from metrics import correlation, dictionary, dimensions, gamma, likelihood, reconstruction, sparsity, units

# Four samples of two classes, three units:        class  unit 0  unit 1  unit 2
#                                                    0      1       0       0
#                                                    0      1       1       0
#                                                    1      1       1       0
#                                                    1      1       1       0
# Unit 0 is always on, unit 2 dead; unit 1 is on for half of class 0 and all of class 1.
ACTIVE = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0]]).bool()
LABELS = torch.tensor([0, 0, 1, 1])


def test_reconstruction_by_hand() -> None:
    # x = (0, 0), (1, 0); mean (0.5, 0); total variance 0.25 + 0.25 = 0.5. Error of the second image: 0.5^2 = 0.25.
    x, x_hat = torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.5, 0.0]])
    assert reconstruction.fvu(x, x_hat) == pytest.approx(0.5)
    assert reconstruction.explained_variance(x, x_hat) == pytest.approx(0.5)
    assert reconstruction.mse(x, x_hat) == pytest.approx(0.0625)
    assert reconstruction.sse(x, x_hat) == pytest.approx(0.125)
    assert reconstruction.psnr(x, x_hat) == pytest.approx(10 * math.log10(16))
    assert reconstruction.cosine(x, x_hat) == pytest.approx(0.5), "the zero image has no direction and counts 0"


def test_explained_variance_is_the_variance_weighted_r2_of_scikit_learn() -> None:
    x, x_hat = torch.rand(2, 200, 9)
    expected = r2_score(x.numpy(), x_hat.numpy(), multioutput="variance_weighted")
    assert reconstruction.explained_variance(x, x_hat) == pytest.approx(expected, abs=1e-6)


def test_the_mean_has_fvu_one_and_the_data_zero() -> None:
    x = torch.rand(100, 5)
    assert reconstruction.fvu(x, x.mean(0).expand_as(x)) == pytest.approx(1, abs=1e-6)
    assert reconstruction.fvu(x, x) == 0
    assert reconstruction.psnr(x, x) == math.inf


def test_units_by_hand() -> None:
    assert units.dead_fraction(ACTIVE) == pytest.approx(1 / 3)
    assert units.always_on_fraction(ACTIVE) == pytest.approx(1 / 3)
    assert units.live_units(ACTIVE) == 2
    assert units.density(ACTIVE).tolist() == [1, 0.75, 0]
    assert sparsity.l0(ACTIVE) == pytest.approx(7 / 4)


def test_coherence_and_babel_by_hand() -> None:
    # Atoms at 0, 60 and 90 degrees: |cosines| 1/2 (0, 60), 0 (0, 90), cos 30 (60, 90). The middle one has both close.
    angles = torch.deg2rad(torch.tensor([0.0, 60.0, 90.0]))
    atoms = torch.stack([angles.cos(), angles.sin()], 1) * torch.tensor([[1.0], [2.0], [3.0]])  # scale does not count
    assert dictionary.coherence(atoms) == pytest.approx(math.sqrt(3) / 2)
    assert dictionary.babel(atoms) == {"1": pytest.approx(math.sqrt(3) / 2), "2": pytest.approx((1 + math.sqrt(3)) / 2)}


def test_babel_is_the_largest_row_sum_and_zero_for_orthogonal_atoms() -> None:
    assert dictionary.babel(torch.eye(12)) == pytest.approx({"1": 0, "2": 0, "5": 0, "10": 0})
    assert dictionary.coherence(torch.ones(1, 4)) == 0
    assert dictionary.babel(torch.ones(1, 4)) == {}
    atoms = torch.nn.functional.normalize(torch.randn(1500, 8, dtype=torch.float64), dim=1)
    rows = (atoms @ atoms.T).abs().fill_diagonal_(0).sort(1, descending=True).values
    assert dictionary.babel(atoms)["10"] == pytest.approx(rows[:, :10].sum(1).max().item())


def test_hoyer_ends() -> None:
    assert sparsity.hoyer(torch.eye(5)) == pytest.approx(1)
    assert sparsity.hoyer(torch.ones(3, 5)) == pytest.approx(0, abs=1e-12)
    assert sparsity.hoyer(torch.zeros(3, 5)) == {}, "an empty code is not sparse, it is none"
    mixed = torch.cat([torch.zeros(98, 5), torch.ones(2, 5)])
    assert sparsity.hoyer(mixed) == pytest.approx(0, abs=1e-12)
    assert sparsity.hoyer(torch.tensor([[3.0, 4.0, 0.0, 0.0]])) == pytest.approx((2 - 7 / 5) / 1)


def test_gamma_variance_by_hand() -> None:
    # Within: unit 1 in class 0 has variance 0.25, all else 0; mean over 2 classes x 3 units = 0.25 / 6.
    # Total: unit 1 has p = 0.75, variance 0.1875; within, weighted: (2 x 0.25 + 2 x 0) / 4 = 0.125.
    for measure, share in (
        (gamma.activity_variance(ACTIVE, LABELS), gamma.activity_variance_share(ACTIVE, LABELS)),
        (gamma.gamma_variance(ACTIVE.float(), LABELS), gamma.gamma_variance_share(ACTIVE.float(), LABELS)),
    ):
        assert measure == pytest.approx(0.25 / 6)
        assert share == pytest.approx(0.125 / 0.1875)


def test_jsd_by_hand() -> None:
    # Class 0 has one pair, which differs in one unit: ln 2. Class 1: one pair, equal: 0. Mean over classes: ln 2 / 2.
    assert gamma.activity_jsd(ACTIVE, LABELS) == pytest.approx(math.log(2) / 2)
    assert gamma.gamma_jsd(ACTIVE.float(), LABELS) == pytest.approx(math.log(2) / 2)


def test_gamma_jsd_equals_scipy_over_all_pairs() -> None:
    rates, labels = torch.rand(12, 3), torch.arange(12) % 2
    per_class = []
    for label in (0, 1):
        rows = rates[labels == label].double().numpy()
        pairs = [
            sum(jensenshannon([a, 1 - a], [b, 1 - b]) ** 2 for a, b in zip(p, q, strict=True))
            for p, q in combinations(rows, 2)
        ]
        per_class.append(np.mean(pairs))
    assert gamma.gamma_jsd(rates, labels) == pytest.approx(np.mean(per_class), rel=1e-9)


def test_a_class_code_has_no_spread_within_classes_and_noise_has_all_of_it() -> None:
    labels = torch.arange(3000) % 10
    oracle = torch.nn.functional.one_hot(labels, 10).bool()
    noise = torch.rand(3000, 10) < 0.3
    assert gamma.activity_variance_share(oracle, labels) == 0
    assert gamma.activity_jsd(oracle, labels) == 0
    assert gamma.activity_variance_share(noise, labels) > 0.98


def test_shrinking_gamma_wins_nothing_on_the_share() -> None:
    rates, labels = torch.rand(60, 4), torch.arange(60) % 3
    assert gamma.gamma_variance(rates / 10, labels) < gamma.gamma_variance(rates, labels)
    assert gamma.gamma_variance_share(rates / 10, labels) == pytest.approx(gamma.gamma_variance_share(rates, labels))


def test_roles_by_hand() -> None:
    # Rates by class: unit 0 (1, 1) global, unit 1 (0.5, 1), unit 2 (0, 0) dead.
    roles = dimensions.roles(ACTIVE, LABELS)
    assert roles["dead"] == 1
    assert (roles["global@0.5"], roles["exclusive@0.5"], roles["shared@0.5"]) == (2, 0, 0)
    assert (roles["global@0.7"], roles["exclusive@0.7"], roles["shared@0.7"]) == (1, 1, 0)
    assert dimensions.global_units(ACTIVE, LABELS) == 2
    assert dimensions.class_specific_units(ACTIVE, LABELS) == 0


def test_roles_of_a_planted_code() -> None:
    labels = torch.arange(40) % 4
    one_hot = torch.nn.functional.one_hot(labels, 4).bool()
    shared = (labels < 2)[:, None]
    active = torch.cat([one_hot, shared, torch.ones(40, 2).bool(), torch.zeros(40, 3).bool()], 1)
    assert dimensions.exclusive_units(active, labels) == 4
    assert dimensions.shared_units(active, labels) == 1
    assert dimensions.global_units(active, labels) == 2
    assert dimensions.class_specific_units(active, labels) == 5


def test_class_correlation_is_numpy_corrcoef_of_the_class_means() -> None:
    rates, labels = torch.rand(90, 7), torch.arange(90) % 3
    means = np.stack([rates[labels == c].double().mean(0).numpy() for c in range(3)])
    np.testing.assert_allclose(correlation.class_correlation(rates, labels).numpy(), np.corrcoef(means), atol=1e-9)


def test_category_gap_of_planted_relatives() -> None:
    # Classes 0 and 1 share one pattern, 2 and 3 the opposite one: within 1, between -1, gap 2.
    patterns = torch.tensor([[1.0, 0, 1, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 1, 0, 1]])
    labels = torch.arange(40) % 4
    assert correlation.category_gap(patterns[labels], labels, torch.tensor([0, 0, 1, 1])) == pytest.approx(2)
    assert correlation.category_gap(patterns[labels], labels, torch.tensor([0, 0, 0, 0])) == {}


GAMMA_METRICS = {
    name: function
    for name, function in all_metrics().items()
    if set(inspect.signature(function).parameters) <= {"active", "gamma", "gamma_hard", "labels", "z"}
}


@pytest.mark.parametrize("name", GAMMA_METRICS)
@pytest.mark.parametrize("case", ["one sample", "one class", "all dead", "all on", "one unit"])
def test_degenerate_codes_give_finite_scalars(name: str, case: str) -> None:
    n, m = (1, 4) if case == "one sample" else (6, 1) if case == "one unit" else (6, 4)
    active = {"all dead": torch.zeros(n, m), "all on": torch.ones(n, m)}.get(case, (torch.rand(n, m) < 0.5).float())
    labels = torch.zeros(n, dtype=torch.int64) if case in ("one class", "one sample") else torch.arange(n) % 2
    given = {"active": active.bool(), "gamma": active, "gamma_hard": active.bool(), "z": active, "labels": labels}
    function = GAMMA_METRICS[name]
    value = function(**{need: given[need] for need in inspect.signature(function).parameters})
    for number in value.values() if isinstance(value, dict) else [value]:
        if isinstance(number, float):
            assert math.isfinite(number)


@pytest.mark.parametrize("name", GAMMA_METRICS)
def test_order_of_units_and_samples_does_not_matter(name: str) -> None:
    active, labels = torch.rand(80, 6) < 0.4, torch.arange(80) % 4
    rows, columns = torch.randperm(80), torch.randperm(6)
    function = GAMMA_METRICS[name]

    def value(on: torch.Tensor, classes: torch.Tensor) -> object:
        given = {"active": on, "gamma": on.float(), "gamma_hard": on, "z": on.float(), "labels": classes}
        return function(**{need: given[need] for need in inspect.signature(function).parameters})

    before, after = value(active, labels), value(active[rows][:, columns], labels[rows])
    if isinstance(before, float):
        assert after == pytest.approx(before)
    elif isinstance(before, dict):
        assert after == before
    else:
        assert sorted(before.flatten().tolist()) == pytest.approx(sorted(after.flatten().tolist()))


def test_likelihood_metrics_average_over_images_whatever_the_chunks() -> None:
    class Exact:
        def elbo(self, x: torch.Tensor) -> torch.Tensor:
            return -x.sum(1)

        def log_likelihood(self, x: torch.Tensor, n_samples: int) -> torch.Tensor:
            return -x.sum(1) + n_samples * 0

    x = torch.rand(1203, 4)
    assert likelihood.neg_elbo(Exact(), x) == pytest.approx(x.sum(1).mean().item(), rel=1e-5)
    assert likelihood.nll(Exact(), x) == pytest.approx(x.sum(1).mean().item(), rel=1e-5)
