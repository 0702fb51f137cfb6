"""What another network makes of the same samples goes with them, and what is of others is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.activations.backbones import Wanted
from bench.activations.extract import Request, extract, load as loaded
from bench.datasets.base import Dataset
from bench.datasets.files import FileSource
from bench.datasets.place import place_of
from bench.errors import BenchError
from bench.execute.outputs import outputs_of
from metrics.interpretability import monosemanticity, monosemanticity_as_published
from models.topk import TopK
from tests.metrics.test_interpretability import monosemanticity_by_pairs

N = 60
X = np.random.default_rng(0).random((N, 5)).astype(np.float32)
OTHER = (10 * X[:, :2] - 3).astype(np.float16)
WORDS = [f"image {i}" for i in range(N)]
NET = """import torch

def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3))
"""


def source(reference: Path | str) -> FileSource:
    place = place_of(str(reference))
    assert place
    return FileSource(place)


def load(reference: Path | str) -> Dataset:
    return source(reference).load(Path("data"))


@pytest.fixture
def acts(tmp_path: Path) -> Path:
    """Inputs of 60 samples in classes that take turns, and an embedding of each."""
    np.savez(tmp_path / "acts.npz", x=X, labels=np.arange(N) % 3, names=WORDS)
    np.savez(tmp_path / "other.npz", x=OTHER, names=WORDS)
    return tmp_path / "acts.npz"


def test_an_embedding_follows_its_rows_into_the_splits(acts: Path) -> None:
    data = load(f"{acts}:normalise=rms:embedding=other.npz")
    plain = load(f"{acts}:normalise=rms")
    for name, split in data.splits.items():
        rows = [WORDS.index(word) for word in split.names or ()]
        assert torch.equal(split.x, plain.splits[name].x)
        assert split.factors["embedding"].tolist() == OTHER[rows].astype(np.float32).tolist()
    assert sum(len(split) for split in data.splits.values()) == N


def test_monosemanticity_is_of_the_embedding_where_there_is_one(acts: Path) -> None:
    data = load(f"{acts}:embedding=other.npz")
    torch.manual_seed(0)
    model = TopK(TopK.Config(n_latents=4, k=2), data.n_features)
    given = outputs_of(model, data, data.test, {"mean_embedding"}).values
    rows = [[WORDS.index(word) for word in split.names or ()] for split in (data.train, data.test)]
    train, test = (torch.from_numpy(OTHER[each].astype(np.float32)) for each in rows)
    z, active = given["z"], given["active"]
    centred = np.mean(monosemanticity_by_pairs(z, active, test - train.mean(0)))
    plain = np.mean(monosemanticity_by_pairs(z, active, test, signed=True))
    found = monosemanticity(z, active, given["embedding"], given["mean_embedding"])
    published = monosemanticity_as_published(z, active, given["embedding"])
    assert not isinstance(found, tuple)
    assert not isinstance(published, tuple)
    assert found["mean"] == pytest.approx(centred, rel=1e-5)
    assert published["mean"] == pytest.approx(plain, rel=1e-5)


def test_the_content_of_an_embedding_is_part_of_the_identity_and_its_name_is_not(acts: Path) -> None:
    asked = f"{acts}:embedding=other.npz"
    before = source(asked).checksum(Path("data"))
    assert before != source(acts).checksum(Path("data"))
    (acts.parent / "other.npz").rename(acts.parent / "same.npz")
    assert source(f"{acts}:embedding=same.npz").checksum(Path("data")) == before
    np.savez(acts.parent / "other.npz", x=OTHER + 1, names=WORDS)
    assert source(asked).checksum(Path("data")) != before
    place = place_of(asked)
    assert place
    assert place.name == "acts embedded by other.npz"


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": OTHER[1:]}, r"rows \(all 60\).*others \(all 59\)"),
        ({"x_train": OTHER[:40], "x_test": OTHER[40:]}, "train 40, test 20"),
        ({"x": OTHER, "names": ["image 0", "image 2", *WORDS[2:]]}, "Row 1 .*'image 1'.*'image 2'"),
        ({"x": np.where(np.arange(N)[:, None] == 7, np.nan, OTHER)}, "row 7 has NaN"),
    ],
)
def test_an_embedding_of_other_samples_is_refused(acts: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    np.savez(acts.parent / "other.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(BenchError, match=words):
        load(f"{acts}:embedding=other.npz")


def test_there_is_such_a_file_beside_and_patches_have_none(acts: Path) -> None:
    for reference, said in (
        (f"{acts}:embedding=missing.npz", f"there is no '{acts.parent / 'missing.npz'}'; give the name"),
        (f"{acts}:embedding=../other.npz:normalise=rms", r"embedding=\.\./other.npz of .* is no name: .* beside it"),
        (f"{acts}:embedding=", "embedding= of .* is no name"),
        (f"{acts.parent}:patches=8:embedding=acts.npz", "patches are cut anew"),
    ):
        with pytest.raises(BenchError, match=said):
            place_of(reference)
    with pytest.raises(BenchError, match="Unknown option of a data set 'embedding'"):
        place_of("digits:embedding=acts.npz") or load_builtin("digits:embedding=acts.npz")


def load_builtin(reference: str) -> None:
    from bench.plugins.registry import DATASET_REGISTRY

    DATASET_REGISTRY.find(reference)


def test_extractions_of_other_images_are_refused_though_their_samples_have_the_same_names(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    for folder, level in (("one", 10), ("two", 200)):
        (tmp_path / folder / "a").mkdir(parents=True)
        for i in range(12):
            Image.new("RGB", (6, 6), (level, i, 0)).save(tmp_path / folder / "a" / f"{i:02}.png")
        for out in (f"{folder}_acts", f"{folder}_again"):
            request = Request(
                Wanted(f"{tmp_path / 'net.py'}:net"), str(tmp_path / folder), tmp_path, layers=("0",), pool="mean"
            )
            extract(request, loaded(request), tmp_path / out)
    good = load(f"{tmp_path / 'one_acts'}:embedding=one_again")
    torch.testing.assert_close(good.test.factors["embedding"].mean(), good.scaling.undone(good.test.x).mean())  # type: ignore[union-attr]
    with pytest.raises(BenchError, match="are of other inputs"):
        load(f"{tmp_path / 'one_acts'}:embedding=two_acts")
    manifest = tmp_path / "two_acts" / "manifest.json"
    assert json.loads(manifest.read_text())["complete"]
