"""Whether a unit stands for one thing: by hand, by the double loop over images, and beside scikit-learn."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mutual_info_score
from torch import Tensor

from metrics import interpretability
from metrics.base import NotApplicable
from metrics.matrix import Matrix, evenly_spaced
from tests.metrics.cases import ACTIVE, LABELS, csr


def monosemanticity(z: Matrix, active: Matrix, embedding: Tensor) -> dict[str, float] | NotApplicable:
    return interpretability.monosemanticity(z, active, embedding, torch.zeros(embedding.shape[1]))


def monosemanticity_by_pairs(z: Tensor, active: Tensor, embedding: Tensor, signed: bool = False) -> list[float]:
    """The score of each unit: the weighted mean cosine, pair by pair."""
    e = embedding.double().numpy()
    e = e / np.maximum(np.linalg.norm(e, axis=1, keepdims=True), 1e-12)
    scores = []
    for unit, on in zip((z if signed else z.abs()).double().numpy().T, active.numpy().T, strict=True):
        if not on.any() or unit.max() == unit.min():
            continue
        a = (unit - unit.min()) / (unit.max() - unit.min())
        pairs = [(a[n] * a[m], a[n] * a[m] * (e[n] @ e[m])) for n, m in combinations(range(len(a)), 2)]
        weight = sum(pair[0] for pair in pairs)
        if weight > 1e-9:
            scores.append(sum(pair[1] for pair in pairs) / weight)
    return scores


def binned(unit: np.ndarray) -> np.ndarray:
    """0 for zero, else how many of the 19 inner twentieths of the sorted non-zero values a code reaches."""
    values = sorted(unit[unit != 0])
    edges = [values[step * len(values) // 20] for step in range(1, 20)] if values else []
    return np.array([0 if code == 0 else 1 + sum(code >= edge for edge in edges) for code in unit])


def gap_by_scikit_learn(z: Tensor, labels: Tensor) -> float:
    gaps = []
    for label in labels.unique():
        truth = (labels == label).numpy()
        information = sorted(mutual_info_score(truth, binned(unit)) for unit in z.numpy().T if unit.any())
        gaps.append((information[-1] - information[-2]) / mutual_info_score(truth, truth))
    return float(np.mean(gaps))


def test_monosemanticity_by_hand() -> None:
    # Embeddings (1, 0), (0.6, 0.8), (-1, 0). Unit 0 is on for the first two images: cosine 0.6. Unit 1 for all, with
    # a = 0.5, 0, 1 (minimum subtracted): one pair, of the first and the last: -1. Unit 2 is on for one image.
    embedding = torch.tensor([[2.0, 0.0], [0.6, 0.8], [-3.0, 0.0]])
    z = torch.tensor([[1.0, 2.0, 0.0], [1.0, -1.0, 0.0], [0.0, 3.0, 5.0]])
    found = monosemanticity(z, z != 0, embedding)
    assert found == {"mean": pytest.approx(-0.2), "median": pytest.approx(-0.2)}, "of two values, their mean"


def test_purity_by_hand() -> None:
    # Unit 0: 4 images, 2 of each class: 1/2. Unit 1: 3 images, 2 of class 1: 2/3. Unit 2 is dead.
    assert interpretability.class_purity(ACTIVE, LABELS) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_agreement_agrees_with_all_pairs() -> None:
    active, labels = torch.rand(40, 8) < torch.rand(8), torch.arange(40) ** 2 % 5
    active[:, 3], active[:, 5] = False, torch.arange(40) == 7  # dead, and on for one image
    shares = [
        np.mean([labels[i] == labels[j] for i, j in combinations(np.flatnonzero(on), 2)])
        for on in active.numpy().T
        if on.sum() > 1
    ]
    assert interpretability.class_agreement(active, labels) == pytest.approx(np.mean(shares))
    none = NotApplicable("no unit is on for two images or more")
    assert interpretability.class_agreement(torch.eye(4) > 0, LABELS) == none


@pytest.mark.parametrize("sizes", [[30] * 10, [200, 60, 30, 10]])
def test_by_chance_agreement_does_not_depend_on_how_rarely_units_are_on(sizes: list[int]) -> None:
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    chance = sum(n * (n - 1) for n in sizes) / (300 * 299)
    for n_active in (2, 5, 50):
        units = torch.rand(300, 4000).argsort(0) < n_active
        assert interpretability.class_agreement(units, labels) == pytest.approx(chance, abs=0.03)
    singles = torch.eye(300) > 0
    assert interpretability.class_purity(units, labels) < 0.8 < interpretability.class_purity(singles, labels)


def test_units_have_the_numbers_whose_mean_the_scalars_are() -> None:
    torch.manual_seed(0)
    z, x = torch.rand(30, 6) * (torch.rand(30, 6) < 0.4), torch.randn(30, 5)
    z[:, 2] = 0
    z[:, 4] = torch.arange(30) == 3  # on for one image
    scores = interpretability.unit_monosemanticity(z, z != 0, x + 1, torch.ones(5))
    assert scores.isnan().tolist() == [False, False, True, False, True, False]
    assert scores[[0, 1, 3, 5]].tolist() == pytest.approx(monosemanticity_by_pairs(z, z != 0, x))
    purity = interpretability.unit_purity(ACTIVE, LABELS)
    assert purity.tolist() == pytest.approx([1 / 2, 2 / 3, np.nan], nan_ok=True)


def test_information_gap_by_hand() -> None:
    # Unit 0 is the class, unit 1 is independent of it: the gap is the whole entropy. Twice the class: no gap.
    z = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert interpretability.class_mig(z, z != 0, LABELS) == pytest.approx(1)
    assert interpretability.class_mig(z[:, [0, 0]], z[:, [0, 0]] != 0, LABELS) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_monosemanticity_agrees_with_the_double_loop(offset: float) -> None:
    z = offset + torch.randn(40, 7) * (torch.rand(40, 7) < 0.4)
    z[:, 2], z[:, 3] = 0, 0.7
    z[:, 4] = torch.nn.functional.one_hot(torch.tensor(11), 40)
    active, embedding = z != 0, torch.randn(40, 5)
    embedding[9] = 0  # an image that is the mean image has no direction
    scores = monosemanticity_by_pairs(z, active, embedding)
    expected = {"mean": np.mean(scores), "median": np.median(scores)}
    for codes in (z, csr(z)):
        assert monosemanticity(codes, active, embedding) == pytest.approx(expected, rel=1e-5)


def test_monosemanticity_as_published_keeps_signs_and_does_not_centre() -> None:
    z, x = torch.randn(40, 6) * (torch.rand(40, 6) < 0.5), torch.rand(40, 5)
    scores = monosemanticity_by_pairs(z, z != 0, x, signed=True)
    expected = {"mean": np.mean(scores), "median": np.median(scores)}
    for codes in (z, csr(z)):
        assert interpretability.monosemanticity_as_published(codes, z != 0, x) == pytest.approx(expected, rel=1e-5)
    by_centred = interpretability.monosemanticity(z, z != 0, x, x.mean(0))
    assert abs(by_centred["mean"]) < 0.2 < 0.6 < expected["mean"], "images without a common direction have one here"


def test_monosemanticity_of_codes_far_from_zero_keeps_its_digits() -> None:
    z, embedding = 1000 + 0.1 * torch.rand(60, 4), torch.randn(60, 5) + 0.3
    expected = np.mean(monosemanticity_by_pairs(z, z != 0, embedding))
    assert monosemanticity(z, z != 0, embedding)["mean"] == pytest.approx(expected, rel=1e-5)


def test_purity_agrees_with_counting() -> None:
    active, labels = torch.rand(90, 8) < torch.rand(8), torch.arange(90) ** 2 % 5
    active[:, 3] = False
    shares = [np.bincount(labels[on]).max() / on.sum() for on in active.numpy().T if on.any()]
    assert interpretability.class_purity(active, labels) == pytest.approx(np.mean(shares))


@pytest.mark.parametrize("n", [15, 90])
def test_information_gap_agrees_with_scikit_learn(n: int) -> None:
    labels = torch.arange(n) % 3
    z = (torch.randn(n, 6) + labels[:, None] * torch.rand(6)) * (torch.rand(n, 6) < 0.6)
    z[:, 4] = 0
    z[:, 5] = z[:, 5].round()  # many equal codes
    expected = gap_by_scikit_learn(z, labels)
    for codes, active in ((z, z != 0), (csr(z), csr(z != 0))):
        assert interpretability.class_mig(codes, active, labels) == pytest.approx(expected, rel=1e-9)


def test_large_sets_are_read_on_evenly_spaced_images(monkeypatch: pytest.MonkeyPatch) -> None:
    z, labels = torch.randn(90, 4), torch.randint(3, (90,))
    monkeypatch.setattr(interpretability, "MAX_SAMPLES", 50)
    chosen = evenly_spaced(90, 50)
    expected = gap_by_scikit_learn(z[chosen], labels[chosen])
    assert interpretability.class_mig(z, z != 0, labels) == pytest.approx(expected)
    embedding = torch.randn(90, 3)
    scores = monosemanticity_by_pairs(z[chosen], z[chosen] != 0, embedding[chosen])
    assert monosemanticity(z, z != 0, embedding)["mean"] == pytest.approx(np.mean(scores))


def test_information_of_units_in_parts_is_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    z, labels = torch.randn(60, 7), torch.randint(3, (60,))
    monkeypatch.setattr(interpretability, "MAX_UNITS", 2)
    assert interpretability.class_mig(z, z != 0, labels) == pytest.approx(gap_by_scikit_learn(z, labels))


def test_a_class_code_stands_for_its_class() -> None:
    labels = torch.arange(40) % 4
    z = torch.nn.functional.one_hot(labels, 4).float()
    assert interpretability.class_purity(z != 0, labels) == interpretability.class_agreement(z != 0, labels) == 1
    assert monosemanticity(z, z != 0, z)["mean"] == pytest.approx(1)
    assert interpretability.class_mig(z, z != 0, labels) > 0.5, "another class's unit rules a class out, a little"


def test_a_code_that_is_the_same_for_all_stands_for_nothing() -> None:
    labels, on = torch.arange(40) % 4, torch.ones(40, 3)
    assert interpretability.class_purity(on != 0, labels) == pytest.approx(1 / 4)
    assert interpretability.class_mig(on, on != 0, labels) == pytest.approx(0, abs=1e-12)
    assert monosemanticity(on, on != 0, torch.randn(40, 3)) == NotApplicable(
        "no unit varies and is on for two images or more"
    )


def test_what_needs_live_units_or_classes_is_absent_without_them() -> None:
    off, labels = torch.zeros(8, 3), torch.arange(8) % 2
    assert interpretability.class_purity(off != 0, labels) == NotApplicable("all units are dead")
    assert interpretability.class_mig(off, off != 0, labels) == NotApplicable("fewer than two units are live")
    assert monosemanticity(off, off != 0, torch.randn(8, 2)) == NotApplicable(
        "no unit varies and is on for two images or more"
    )
    z = torch.rand(8, 3)
    assert interpretability.class_mig(z, z != 0, torch.zeros(8).long()) == NotApplicable("fewer than two classes occur")
    assert interpretability.class_mig(z[:, :1], z[:, :1] != 0, labels) == NotApplicable("fewer than two units are live")


def test_images_without_a_direction_are_like_nothing() -> None:
    z = torch.rand(5, 3)
    found = monosemanticity(z, z != 0, torch.zeros(5, 4))
    assert found == {"mean": pytest.approx(0, abs=1e-12), "median": pytest.approx(0, abs=1e-12)}


@given(arrays(np.float32, (7, 3), elements=st.sampled_from([0.0, 0.5, 1.0, -2.0, 3.0])))
@settings(deadline=None, max_examples=25)
def test_monosemanticity_of_any_small_table_is_that_of_the_double_loop(table: np.ndarray) -> None:
    z = torch.from_numpy(table)
    embedding = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    scores = monosemanticity_by_pairs(z, z != 0, embedding)
    found = monosemanticity(z, z != 0, embedding)
    if scores:
        expected = {"mean": np.mean(scores), "median": np.median(scores)}
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
    else:
        assert found == NotApplicable("no unit varies and is on for two images or more")
