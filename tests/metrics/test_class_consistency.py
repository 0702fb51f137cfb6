"""Rare variations by simulation, with what a model loses known; agreement of classes by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from metrics.base import NotApplicable
from metrics.class_consistency import pseudo_label_agreement, rare_variation


def variations(n: int = 2000) -> tuple[Tensor, Tensor, Tensor]:
    """Four classes: their means (N, 20), what all images vary in, and what a tenth of each class varies in alone."""
    labels = torch.arange(n) % 4
    means = 3 * torch.randn(4, 20)[labels]
    common, rare = torch.zeros(n, 20), torch.zeros(n, 20)
    common[:, :10] = torch.randn(n, 10)
    outliers = torch.arange(n) < n // 10
    rare[outliers, 10:] = 5 * torch.randn(n // 10, 10)
    return means, common, rare


def test_a_model_loses_what_was_taken_from_it() -> None:
    means, common, rare = variations()
    x, labels = means + common + rare, torch.arange(len(means)) % 4
    spread = {"common": 10.0, "rare": 250.0}  # of an image, squared, on average
    whole, blind, typical, dull = (
        rare_variation(x, x_hat, labels) for x_hat in (x, means, means + common, means + rare)
    )
    assert whole == {"outliers": 0, "typical": 0, "ratio": 1}
    assert blind == pytest.approx({"outliers": 1, "typical": 1, "ratio": 1}, abs=0.02)
    assert typical == pytest.approx(
        {"outliers": spread["rare"] / sum(spread.values()), "typical": 0, "ratio": math.inf}, abs=0.02
    )
    assert dull == pytest.approx(
        {"outliers": spread["common"] / sum(spread.values()), "typical": 1, "ratio": 0.04}, abs=0.02
    )


def test_the_ratio_rises_with_what_is_lost_of_rare_variations() -> None:
    means, common, rare = variations()
    x, labels = means + common + rare, torch.arange(len(means)) % 4
    found = [rare_variation(x, means + 0.7 * common + kept * rare, labels)["ratio"] for kept in (0.9, 0.6, 0.3, 0.0)]
    assert found == sorted(found)
    assert found[0] < 1 < found[-1]


def test_the_scale_of_the_data_does_not_matter() -> None:
    x, labels = torch.randn(50, 4), torch.arange(50) % 3
    x_hat = x + 0.1 * torch.randn(50, 4)
    assert rare_variation(7 * x, 7 * x_hat, labels) == pytest.approx(rare_variation(x, x_hat, labels), rel=1e-5)


def test_rare_variations_by_hand() -> None:
    # The class mean is 0. The two images at 3 are as far as each other: both are outliers of ten. Errors: 1 each, all.
    x = torch.tensor([[3.0], [-3.0], [1.0], [-1.0], [0.0], [0.0], [0.0], [0.0], [0.0], [0.0]])
    expected = {"outliers": 2 / 18, "typical": 8 / 2, "ratio": 2 / 18 / 4}
    assert rare_variation(x, x + 1, torch.zeros(10)) == pytest.approx(expected)


def test_images_that_are_all_as_far_from_their_class_have_no_rare_ones() -> None:
    assert isinstance(rare_variation(torch.ones(8, 3), torch.zeros(8, 3), torch.arange(8) % 2), NotApplicable)
    assert isinstance(rare_variation(torch.rand(3, 3), torch.rand(3, 3), torch.arange(3)), NotApplicable)


def test_names_of_pseudo_labels_do_not_matter_and_chance_is_no_agreement() -> None:
    labels = torch.arange(3000) % 3
    x = torch.randn(3000, 2)

    def agreement(found: Tensor | None) -> float | NotApplicable:
        return pseudo_label_agreement(x, labels, lambda _: found)

    assert agreement((labels + 1) % 3) == pytest.approx(1)
    assert agreement(torch.randint(10, (3000,))) == pytest.approx(0, abs=0.01)
    assert agreement(torch.zeros(3000)) == pytest.approx(0)
    # Two of three classes in one: I = H(found), so 2 H(found) / (H(found) + H(labels)), chance being next to nothing.
    merged = -(math.log(1 / 3) + 2 * math.log(2 / 3)) / 3
    assert agreement(labels.clamp_max(1)) == pytest.approx(2 * merged / (merged + math.log(3)), abs=0.01)
    assert isinstance(agreement(None), NotApplicable)
