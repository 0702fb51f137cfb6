"""Measured morphology: drawn strokes of known shape, and what must not change a measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import grey_dilation

from bench.datasets import morphology
from bench.datasets.mnist import MNIST
from bench.datasets.morphology import MEASURES, measure

SIZE, FINE = 28, 16
"""Pixels of a drawing, and samples per pixel and axis that draw its grey edges."""


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x, y in pixels about the centre, y upwards, of all samples of a drawing."""
    samples = (np.arange(SIZE * FINE) + 0.5) / FINE - SIZE / 2
    return samples, -samples[:, None]


def draw(inside: np.ndarray) -> np.ndarray:
    """An image (28, 28) uint8 whose grey values are the share of each pixel that lies inside."""
    return np.round(255 * inside.reshape(SIZE, FINE, SIZE, FINE).mean(axis=(1, 3))).astype(np.uint8)


def bar(height: float, width: float, slant: float) -> np.ndarray:
    """An upright rectangle, sheared by an angle to the right."""
    x, y = grid()
    return draw((abs(x - np.tan(slant) * y) <= width / 2) & (abs(y) <= height / 2))


def shape(image: np.ndarray) -> dict[str, float]:
    return dict(zip(MEASURES, measure(image[None])[0].tolist(), strict=True))


@pytest.mark.parametrize("slant", [-0.6, -0.3, 0, 0.2, 0.5])
@pytest.mark.parametrize("width", [2, 3, 4.5])
def test_bars(width: float, slant: float) -> None:
    """Width, height and slant as drawn; thickness across the stroke; length less about half a thickness per end.

    The skeleton of a thick bar branches into its acute corners: that makes it longer and the mean distance smaller.
    """
    found = shape(bar(18, width, slant))
    assert found["slant"] == pytest.approx(slant, abs=0.02)
    assert found["width"] == pytest.approx(width, abs=0.45), "a step of the enlarged edge at either side"
    assert found["height"] == pytest.approx(18, abs=0.3)
    assert found["area"] == pytest.approx(18 * width, rel=0.03)
    assert found["thickness"] == pytest.approx(width * np.cos(slant), rel=0.12)
    full = 18 / np.cos(slant)
    assert full - 1.2 * width - 0.5 < found["length"] < 1.13 * full, "the path along pixels is up to 8% too long"


def test_the_length_of_a_diagonal_counts_diagonal_steps() -> None:
    """A line at 45° and 20 pixels long, and its mirror image."""
    x, y = grid()
    line = draw((abs(x - y) <= np.sqrt(2)) & (abs(x + y) <= 20 / np.sqrt(2)))
    for image in (line, line[:, ::-1]):
        assert shape(image)["length"] == pytest.approx(20 - 2, abs=1)
        assert shape(image)["thickness"] == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize("radius", [3, 6.5, 10])
def test_discs(radius: float) -> None:
    x, y = grid()
    found = shape(draw(x**2 + y**2 <= radius**2))
    assert found["area"] == pytest.approx(np.pi * radius**2, rel=0.02)
    assert found["slant"] == pytest.approx(0, abs=0.01)
    assert (found["width"], found["height"]) == pytest.approx((2 * radius, 2 * radius), abs=0.3)


def test_dilation_thickens() -> None:
    image = bar(14, 2, 0.3)
    thickness = [shape(grey_dilation(image, size=(n, n)))["thickness"] for n in (1, 2, 3, 5)]
    assert np.all(np.diff(thickness) > 0.5)


def test_shearing_a_shape_shifts_the_tangent_of_its_slant() -> None:
    """A hook, which leans by itself: its stem and a foot to the left."""
    x, y = grid()

    def hook(shear: float) -> float:
        across = x - shear * y
        stem, foot = (abs(across) <= 1) & (abs(y) <= 8), (abs(y + 7) <= 1) & (across <= 0) & (across >= -5)
        return np.tan(shape(draw(stem | foot))["slant"])

    assert hook(0) > 0.1, "the foot pulls the lower half to the left"
    for shear in (-0.5, 0.3):
        assert hook(shear) == pytest.approx(hook(0) + shear, abs=0.03)


def test_position_contrast_and_background_change_nothing() -> None:
    image = bar(16, 3, 0.25)
    moved = np.roll(image, (3, -4), axis=(0, 1))
    np.testing.assert_allclose(measure(moved[None]), measure(image[None]), atol=1e-5)
    np.testing.assert_array_equal(measure(image[None] // 3 + np.uint8(90)), measure(image[None] // 3))


def test_blank_images_are_zeros_and_specks_are_defined() -> None:
    for value in (0, 7, 255):
        np.testing.assert_array_equal(measure(np.full((2, 5, 6), value, np.uint8)), np.zeros((2, 6), np.float32))
    specks = 9 * np.eye(36, dtype=np.uint8).reshape(36, 6, 6)
    area, _, thickness, _, width, height = measure(specks).T
    for values in (area, thickness, width, height):
        assert np.all((values > 0.4) & (values < 1.2))
    assert measure(specks[:0]).shape == (0, 6)


def test_images_do_not_influence_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do their order, the size of chunks or the number of threads."""
    rng = np.random.default_rng(0)
    noise = (rng.integers(0, 256, (60, 12, 9)) * rng.random((60, 1, 1))).astype(np.uint8)
    noise[7] = 0
    together = measure(noise)
    np.testing.assert_array_equal(np.concatenate([measure(image[None]) for image in noise]), together)
    np.testing.assert_array_equal(measure(noise[::-1])[::-1], together)
    monkeypatch.setattr(morphology, "CHUNK", 7)
    for threads in (1, 2, 5):
        np.testing.assert_array_equal(measure(noise, threads), together)


@settings(max_examples=20, deadline=None)
@given(arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9)))
def test_any_images_have_finite_measures(images: np.ndarray) -> None:
    measures = measure(images)
    assert measures.shape == (len(images), 6)
    assert measures.dtype == np.float32
    assert np.isfinite(measures).all()
    assert np.all(np.delete(measures, MEASURES.index("slant"), axis=1) >= 0)
    assert np.all((measures[:, 0] > 0) == (measures[:, 2] > 0)), "what has an area has a thickness"


@pytest.mark.parametrize("images", [np.zeros((3, 4, 4)), np.zeros((4, 4), np.uint8), np.zeros((2, 0, 4), np.uint8)])
def test_other_types_and_shapes_are_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"Expected uint8 images of shape \(N, H, W\); found"):
        measure(images)


@pytest.mark.slow
def test_mnist(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plausible digits: ones lean right and are narrow, zeros are wide; the second load reads the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    dataset = MNIST().load(data_dir)
    assert "Measuring the 70,000 images of MNIST, once" in capsys.readouterr().err
    assert dataset.truth["measure_names"] == MEASURES
    for split in (dataset.train, dataset.validation, dataset.test):
        measures = split.factors["measures"].numpy()
        assert measures.shape == (len(split), 6)
        _, length, thickness, slant, _, _ = measures.mean(axis=0)
        assert 2 < thickness < 4
        assert 30 < length < 45
        assert 0 < slant < 0.25
        ones, zeros = (measures[split.labels.numpy() == digit].mean(axis=0) for digit in (1, 0))
        assert ones[3] > 0.15
        assert ones[4] < 6 < 12 < zeros[4]
    again = MNIST().load(data_dir)
    assert not capsys.readouterr().err
    assert again.train.factors["measures"].equal(dataset.train.factors["measures"])
