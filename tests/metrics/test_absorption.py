"""Absorption of classes: planted in a dictionary at a known rate, and the protocol once more, a sample at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from torch import Tensor

from metrics.absorption import class_absorption, class_splitting
from metrics.base import NotApplicable
from tests.metrics.cases import csr

LETTERS, WORDS, TIMES = 4, 40, 3
"""Classes, words of each, and samples of each word."""

Planted = tuple[Tensor, Tensor, Tensor, Tensor]
"""Inputs, codes, classes and atoms."""


def planted(absorbed: int = 0, kept: float = 0.0, split: bool = False) -> Planted:
    """A unit for each letter and each word, whose atoms are orthonormal; the inputs are what they reconstruct.

    In some words of the first letter its unit is on at `kept` in place of 1, and the words' atoms have the rest. Where
    it is split, another unit stands for the second letter in every second word.
    """
    letter, word = (part.repeat(TIMES) for part in (torch.arange(LETTERS * WORDS) // WORDS, torch.arange(160)))
    z, atoms = torch.zeros(len(word), LETTERS + 160 + 1), torch.eye(LETTERS + 160 + 1)[:, :-1]
    rows = torch.arange(len(word))
    z[rows, letter], z[rows, LETTERS + word] = 1, 1
    z[word < absorbed, 0] = kept
    atoms[LETTERS : LETTERS + absorbed, 0] = 1 - kept
    atoms[-1] = atoms[1]
    if split:
        second = (letter == 1) & (word % 2 == 0)
        z[second, 1], z[second, -1] = 0, 1
    return z @ atoms, z, letter, atoms


def absorption(world: Planted, sparse: bool = False) -> dict[str, float] | NotApplicable:
    x, z, labels, atoms = world
    codes, on = (csr(z), csr(z != 0).astype(bool)) if sparse else (z, z != 0)
    return class_absorption(atoms, x, codes, on, labels, x, codes, labels)


def test_nothing_is_absorbed_where_each_class_has_its_unit() -> None:
    assert absorption(planted()) == {"fraction": 0, "full": 0}
    assert class_splitting(*planted()[1:3]) == 1


@pytest.mark.parametrize("sparse", [False, True])
def test_the_planted_share_is_found(sparse: bool) -> None:
    """Eight of 40 words, of one letter of four."""
    assert absorption(planted(8), sparse) == pytest.approx({"fraction": 0.05, "full": 0.05})
    part = absorption(planted(8, kept=0.5), sparse)
    assert part == {"fraction": pytest.approx(0.05 / 2, rel=0.05), "full": 0}
    most = absorption(planted(8, kept=0.7), sparse)
    assert most == {"fraction": 0, "full": 0}, "0.3 of the projection is less than 0.4"


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_the_scale_of_the_inputs_does_not_matter(scale: float) -> None:
    x, z, labels, atoms = planted(8)
    world = scale * x.double(), scale * z.double(), labels, atoms.double()
    assert absorption(world) == pytest.approx({"fraction": 0.05, "full": 0.05})


def test_a_class_with_two_units_is_split_and_not_absorbed() -> None:
    world = planted(split=True)
    assert class_splitting(*world[1:3]) == (1 + 2 + 1 + 1) / 4
    assert absorption(world) == {"fraction": 0, "full": 0}
    assert class_splitting(*planted(8)[1:3]) == 1, "none of the words adds 0.03 to F1"


def random(n: int, seed: int, noise: float = 0.2) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Codes of three classes, in which some units fire more in one, inputs that they and noise make, and atoms."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 3)
    rates = np.full((3, 12), 0.05)
    for c in range(3):
        rates[c, [c, c + 3, c + 6]] = 0.5, 0.5, 0.3
    z = (rng.random((n, 12)) < rates[labels]) * (0.5 + rng.random((n, 12)))
    atoms = np.random.default_rng(0).standard_normal((12, 9))
    return 3 + z @ atoms + noise * rng.standard_normal((n, 9)), z, labels, atoms


def main_units(z: np.ndarray, on: np.ndarray) -> list[int]:
    """The units that a growing probe takes."""
    gaps = [(z[on, u].mean() - z[~on, u].mean()) / z[:, u].std() for u in range(12)]
    order = [u for u in sorted(range(12), key=lambda u: -gaps[u]) if gaps[u] > 0]
    best, units = -1.0, order[:1]
    for k in range(1, len(order) + 1):
        features = z[:, order[:k]] / z[:, order[:k]].std(0)
        guess = LogisticRegression(class_weight="balanced", tol=1e-6).fit(features, on).predict(features)
        if f1_score(on, guess) <= best + 0.03:
            break
        best, units = f1_score(on, guess), order[:k]
    return units


def naive(test: tuple[np.ndarray, ...], train: tuple[np.ndarray, ...]) -> tuple[float, float, float]:
    """Fraction, full absorption and number of main units, with loops."""
    (x, z, labels, atoms), (train_x, train_z, train_labels, _) = test, train
    centre = train_x.mean(0)
    probe = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1).fit(train_x - centre, train_labels)
    guess, fractions, full, sizes = probe.predict(x - centre), [], [], []
    for c in range(3):
        main = main_units(train_z, train_labels == c)
        sizes.append(len(main))
        if f1_score(labels == c, guess == c) < 0.6:
            continue
        p = probe.coef_[c] - probe.priors_ @ probe.coef_
        p /= np.linalg.norm(p)
        of_class: list[tuple[float, bool]] = []
        for n in np.flatnonzero((labels == c) & (guess == c)):
            whole = (x[n] - centre) @ p
            if whole <= 0:
                of_class.append((0, False))
                continue
            share = {u: z[n, u] * (atoms[u] @ p) / whole for u in range(12)}
            cosine = {u: atoms[u] @ p / np.linalg.norm(atoms[u]) for u in range(12)}
            m = sum(share[u] for u in main)
            able = [share[u] for u in range(12) if u not in main and cosine[u] >= 0.1 and share[u] > 0]
            a = sum(sorted(able)[-3:])
            fraction = 0 if m >= 1 or a < 0.4 else 1 if m <= 0 else min(a, 1 - m) / (min(a, 1 - m) + m)
            top = max(share, key=lambda u: share[u])
            alone = all(z[n, u] == 0 for u in main) and share[top] >= 0.4 and cosine[top] >= 0.025
            of_class.append((fraction, alone))
        fractions.append(np.mean([f for f, _ in of_class]))
        full.append(np.mean([alone for _, alone in of_class]))
    return float(np.mean(fractions)), float(np.mean(full)), float(np.mean(sizes))


def metric_of(test: tuple[np.ndarray, ...], train: tuple[np.ndarray, ...]) -> dict[str, float] | NotApplicable:
    (x, z, labels, atoms), (train_x, train_z, train_labels, _) = (map(torch.from_numpy, part) for part in (test, train))
    return class_absorption(atoms, x, z, z != 0, labels, train_x, train_z, train_labels)


@pytest.mark.parametrize("noise", [0.2, 0.8], ids=["clear", "one class has no probe"])
def test_it_agrees_with_the_protocol_one_sample_at_a_time(noise: float) -> None:
    test, train = random(150, 1, noise), random(300, 2, noise)
    fraction, full, units = naive(test, train)
    assert min(fraction, full) > 0.01, "something is absorbed"
    assert units > 1, "something is split"
    assert metric_of(test, train) == pytest.approx({"fraction": fraction, "full": full}, abs=1e-9)
    assert class_splitting(torch.from_numpy(train[1]), torch.from_numpy(train[2])) == units


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_neither_the_scale_of_the_inputs_nor_that_of_the_units_matters(factor: float) -> None:
    units = factor ** np.linspace(-1, 1, 12)

    def scaled(x: np.ndarray, z: np.ndarray, labels: np.ndarray, atoms: np.ndarray) -> tuple[np.ndarray, ...]:
        return factor * x + 5, z * units, labels, factor * atoms / units[:, None]

    test, train = random(150, 1), random(300, 2)
    assert metric_of(scaled(*test), scaled(*train)) == pytest.approx(metric_of(test, train))


def test_a_unit_and_its_atom_may_have_the_other_sign() -> None:
    signs = np.where(np.arange(12) % 2 == 0, -1, 1)

    def turned(x: np.ndarray, z: np.ndarray, labels: np.ndarray, atoms: np.ndarray) -> tuple[np.ndarray, ...]:
        return x, z * signs, labels, atoms * signs[:, None]

    test, train = random(150, 1), random(300, 2)
    assert metric_of(turned(*test), turned(*train)) == pytest.approx(metric_of(test, train))
    z, labels = torch.from_numpy(train[1]), torch.from_numpy(train[2])
    assert class_splitting(z * torch.from_numpy(signs), labels) == class_splitting(z, labels)


def test_where_no_class_can_be_absorbed_the_reason_is_said() -> None:
    x, z, labels, atoms = planted()
    assert absorption((x, z, 0 * labels, atoms)) == NotApplicable("fewer than two classes occur in training")
    reason = absorption((x, 0 * z, labels, atoms))
    assert isinstance(reason, NotApplicable)
    assert "linear probe of F1 0.6" in reason.reason
    assert absorption((torch.randn_like(x[:, :2]), z, labels, atoms[:, :2])) == reason, "the inputs do not tell"
    assert isinstance(class_splitting(0 * z, labels), NotApplicable)
