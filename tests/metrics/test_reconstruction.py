"""Reconstruction error: by hand, beside scikit-learn and scikit-image, and in extreme cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import peak_signal_noise_ratio
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.metrics.pairwise import cosine_similarity

from metrics import reconstruction
from metrics.base import NotApplicable

PIXELS = st.floats(0, 1, width=32, allow_subnormal=False)
IMAGES = arrays(np.float32, (5, 3), elements=PIXELS)


def test_reconstruction_by_hand() -> None:
    # x = (0, 0), (1, 0); mean (0.5, 0); total variance 0.25 + 0.25 = 0.5. Error of the second image: 0.5^2 = 0.25.
    x, x_hat = torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.5, 0.0]])
    assert reconstruction.fvu(x, x_hat) == pytest.approx(0.5)
    assert reconstruction.explained_variance(x, x_hat) == pytest.approx(0.5)
    assert reconstruction.mse(x, x_hat) == pytest.approx(0.0625)
    assert reconstruction.sse(x, x_hat) == pytest.approx(0.125)
    assert reconstruction.psnr(x, x_hat) == pytest.approx(10 * math.log10(16))
    assert reconstruction.cosine(x, x_hat) == pytest.approx(0.5), "the zero image has no direction and counts 0"


def test_errors_agree_with_scikit_learn_and_scikit_image() -> None:
    x, x_hat = torch.rand(2, 200, 9)
    a, b = x.double().numpy(), x_hat.double().numpy()
    weighted = r2_score(a, b, multioutput="variance_weighted")
    assert reconstruction.explained_variance(x, x_hat) == pytest.approx(weighted, abs=1e-6)
    assert reconstruction.fvu(x, x_hat) == pytest.approx(1 - weighted, abs=1e-6)
    assert reconstruction.mse(x, x_hat) == pytest.approx(mean_squared_error(a, b), rel=1e-6)
    assert reconstruction.sse(x, x_hat) == pytest.approx(9 * mean_squared_error(a, b), rel=1e-6)
    assert reconstruction.psnr(x, x_hat) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=1), rel=1e-6)
    assert reconstruction.cosine(x, x_hat) == pytest.approx(cosine_similarity(a, b).diagonal().mean(), rel=1e-6)


def test_errors_of_normalised_inputs_are_in_the_units_of_the_data() -> None:
    x, x_hat = torch.rand(2, 50, 4)
    shift, scale = torch.rand(4), torch.tensor([0.5, 2.0, 10.0, 100.0])
    normalised = [(each - shift) * scale for each in (x, x_hat)]

    def own_units(x: torch.Tensor) -> torch.Tensor:
        return x / scale + shift

    for metric in (reconstruction.mse, reconstruction.sse, reconstruction.psnr):
        assert metric(*normalised, own_units) == pytest.approx(metric(x, x_hat), rel=1e-4)
    assert isinstance(reconstruction.psnr(*normalised), NotApplicable)


@pytest.mark.parametrize("low_and_high", [(-2.0, 2.0), (0.0, 255.0), (-1e-3, 1.0)])
def test_only_pixels_have_a_peak(low_and_high: tuple[float, float]) -> None:
    x = torch.tensor([low_and_high])
    found = reconstruction.psnr(x, x + 0.1)
    assert isinstance(found, NotApplicable)
    assert "only pixels in [0, 1] have a peak of 1" in found.reason
    assert reconstruction.psnr(torch.tensor([[0.0, 1 + 2e-7]]), torch.tensor([[0.1, 1.1]])) == pytest.approx(
        20, abs=1e-3
    )


def test_the_mean_has_fvu_one_and_the_data_zero() -> None:
    x = torch.rand(100, 5)
    assert reconstruction.fvu(x, x.mean(0).expand_as(x)) == pytest.approx(1, abs=1e-6)
    assert reconstruction.fvu(x, x) == 0
    assert reconstruction.explained_variance(x, x) == 1
    assert reconstruction.mse(x, x) == reconstruction.sse(x, x) == 0
    assert reconstruction.psnr(x, x) == math.inf
    assert reconstruction.cosine(x, x) == pytest.approx(1)
    assert reconstruction.cosine(x, -x) == pytest.approx(-1)
    assert reconstruction.psnr(torch.zeros(3, 2), torch.ones(3, 2)) == pytest.approx(0)


def test_constant_images_are_explained_exactly_or_not_at_all() -> None:
    x = torch.full((7, 3), 0.1)
    assert reconstruction.fvu(x, x) == 0
    assert reconstruction.fvu(x, x + 0.1) == math.inf
    assert reconstruction.explained_variance(x, x + 0.1) == -math.inf


def test_the_error_of_large_offsets_keeps_its_digits() -> None:
    x = 100 + torch.rand(5000, 4)
    x_hat = x + 0.01
    expected = np.sum((x.double() - x_hat.double()).numpy() ** 2) / np.sum(
        (x.double() - x.double().mean(0)).numpy() ** 2
    )
    assert reconstruction.fvu(x, x_hat) == pytest.approx(expected, rel=1e-6)


@given(IMAGES, IMAGES)
@settings(deadline=None, max_examples=25)
def test_fvu_is_the_plain_loop_and_at_least_zero(a: np.ndarray, b: np.ndarray) -> None:
    residual = total = 0.0
    for column, guess in zip(a.T.tolist(), b.T.tolist(), strict=True):
        mean = math.fsum(column) / len(column)
        residual += math.fsum((p - q) ** 2 for p, q in zip(column, guess, strict=True))
        total += math.fsum((p - mean) ** 2 for p in column)
    found = reconstruction.fvu(torch.from_numpy(a), torch.from_numpy(b))
    constant = bool((a == a[0]).all())
    expected = residual / total if not constant else 0.0 if residual == 0 else math.inf
    assert found == pytest.approx(expected, rel=1e-5)
    assert found >= 0
