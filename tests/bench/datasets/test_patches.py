"""Whitened patches: the filter, the variance, the split by image, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.datasets import patches
from bench.datasets.base import Dataset
from bench.datasets.files import FileSource
from bench.datasets.patches import read_patches, whitened
from bench.datasets.place import place_of
from bench.errors import BenchError


def photos(folder: Path, n: int = 10, size: tuple[int, int] = (40, 32)) -> Path:
    """Images whose spectrum falls as natural ones' does, each with a level of its own."""
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1]))
    for i in range(n):
        spectrum = np.fft.fft2(rng.standard_normal(size)) / np.maximum(frequency, 1 / 64)
        pixels = np.clip(128 + 4 * np.fft.ifft2(spectrum).real, 0, 255).astype(np.uint8)
        (folder / "photos").mkdir(exist_ok=True)
        Image.fromarray(np.stack([pixels] * 3, -1) if i % 2 else pixels).save(folder / "photos" / f"{i}.png")
    return folder / "photos"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_patches(photos(tmp_path_factory.mktemp("patches")), 8)


def test_the_filter_is_the_papers_at_every_frequency() -> None:
    size = 64
    for cycles in (0, 4, 16, 30):
        wave = np.cos(2 * np.pi * cycles * np.arange(size) / size)[None].repeat(size, 0)
        f = cycles / size
        np.testing.assert_allclose(whitened(wave), f * np.exp(-((f / 0.4) ** 4)) * wave, atol=1e-12)


def test_patches_are_of_one_image_each_and_images_of_one_split(data: Dataset) -> None:
    assert [len(split) for split in (data.train, data.validation, data.test)] == list(patches.SIZES)
    images = [set(split.names or ()) for split in data.splits.values()]
    assert [len(each) for each in images] == [8, 1, 1]
    assert len(set.union(*images)) == 10
    assert data.train.x.var().item() == pytest.approx(0.1, rel=0.1), "patches leave out the borders"
    assert data.image_shape == (8, 8)
    assert bool((data.train.labels == -1).all())


def test_a_patch_is_a_window_of_its_whitened_image(data: Dataset, tmp_path: Path) -> None:
    folder, names = photos(tmp_path), data.test.names
    assert names is not None
    image = np.asarray(Image.open(folder / names[0]).convert("L")) / 255
    inner = whitened(image)[4:-4, 4:-4]
    windows = np.lib.stride_tricks.sliding_window_view(inner, (8, 8)).reshape(-1, 64)
    patch = data.test.x[0].double().numpy()
    cosines = windows @ patch / np.linalg.norm(windows, axis=1) / np.linalg.norm(patch)
    assert cosines.max() == pytest.approx(1, abs=1e-6)


def test_the_same_folder_gives_the_same_patches_and_another_size_is_another_data_set(tmp_path: Path) -> None:
    folder = photos(tmp_path, 6)
    torch.testing.assert_close(read_patches(folder, 6).test.x, read_patches(folder, 6).test.x, rtol=0, atol=0)
    places = [place_of(f"{folder}:patches={side}") for side in (6, 8)]
    assert [place and place.name for place in places] == ["photos patches of 6", "photos patches of 8"]
    assert len({FileSource(place).checksum(tmp_path) for place in places if place}) == 2


def test_what_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    folder = photos(tmp_path, 6)
    with pytest.raises(BenchError, match=r"0.png' has 40 x 32 pixels; patches of side 25 need 33 or more"):
        read_patches(folder, 25)
    (folder / "4.png").unlink()
    with pytest.raises(BenchError, match="has 5 images; patches need 6 or more"):
        read_patches(folder, 8)
    for side in ("3", "65", "8.5", "big"):
        with pytest.raises(BenchError, match=rf"patches={side} of .*4 to 64 pixels"):
            place_of(f"{folder}:patches={side}")
