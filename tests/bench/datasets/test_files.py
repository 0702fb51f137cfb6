"""Files and folders as data sets: every format gives the same samples, and what cannot be right is refused."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from scipy.sparse import csr_array

from bench.datasets.base import Dataset
from bench.datasets.conversion import DataError
from bench.datasets.files import FileSource
from bench.datasets.normalising import AFFINES
from bench.datasets.place import NORMALISATIONS, SUFFIXES, place_of
from bench.datasets.readers import READERS
from bench.errors import BenchError

N, D = 60, 5
RNG = np.random.default_rng(0)
X = RNG.random((N, D)).astype(np.float32)
Y = np.arange(N) % 3
WORDS = np.array(["cat", "dog", "eel"])[Y]


def load(reference: str | Path) -> Dataset:
    place = place_of(str(reference))
    assert place
    return FileSource(place).load(Path("data"))


def checksum(reference: str | Path) -> str:
    place = place_of(str(reference))
    assert place
    return FileSource(place).checksum(Path("data"))


def npy(folder: Path) -> Path:
    np.save(folder / "acts.npy", X)
    np.save(folder / "acts.labels.npy", Y)
    (folder / "acts.classes.txt").write_text("cat\ndog\neel\n")
    return folder / "acts.npy"


def npz(folder: Path) -> Path:
    np.savez(folder / "acts.npz", x=X, y=Y, class_names=np.array(["cat", "dog", "eel"]))
    return folder / "acts.npz"


def tensors(folder: Path) -> Path:
    save_file({"activations": torch.from_numpy(X), "labels": torch.from_numpy(Y)}, folder / "acts.safetensors")
    return folder / "acts.safetensors"


def pt(folder: Path) -> Path:
    torch.save({"x": torch.from_numpy(X), "labels": torch.from_numpy(Y)}, folder / "acts.pt")
    return folder / "acts.pt"


def csv(folder: Path) -> Path:
    pd.DataFrame(X, columns=list("abcde")).assign(label=WORDS).to_csv(folder / "acts.csv", index=False)
    return folder / "acts.csv"


@pytest.mark.parametrize("make", [npy, npz, tensors, pt, csv])
def test_every_format_gives_the_same_samples(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    data = load(make(tmp_path))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [48, 6, 6]
    x = torch.cat([data.train.x, data.validation.x, data.test.x])
    labels = torch.cat([data.train.labels, data.validation.labels, data.test.labels])
    order = [int(np.abs(X - row.numpy()).sum(1).argmin()) for row in x]
    assert sorted(order) == list(range(N)), "each sample is in one split"
    torch.testing.assert_close(x, torch.from_numpy(X[order]))
    assert labels.tolist() == Y[order].tolist()
    assert data.class_names == (("cat", "dog", "eel") if make in (npy, npz, csv) else ("0", "1", "2"))
    for split in (data.train, data.validation, data.test):
        counts = split.labels.bincount()
        assert counts.min() == counts.max(), "each class is in each split alike"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int32])
def test_other_types_of_numbers_become_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    x = (torch.from_numpy(X) * 8).to(dtype)
    save_file({"x": x}, tmp_path / "a.safetensors")
    data = load(f"{tmp_path}/a.safetensors:normalise=none")
    assert data.train.x.dtype == torch.float32
    assert set(data.train.x.flatten().tolist()) <= set(x.float().flatten().tolist())
    assert (data.train.labels == -1).all()


def test_numbers_that_name_classes_and_samples_without_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, labels=np.where(Y == 0, -1, Y * 5 + 4))
    data = load(tmp_path / "a.npz")
    assert data.class_names == ("9", "14")
    assert set(data.train.labels.tolist()) == {-1, 0, 1}


def test_splits_that_are_given_are_kept(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=X[:40], y_train=Y[:40], x_test=X[40:], y_test=Y[40:])
    data = load(tmp_path / "a.npz")
    torch.testing.assert_close(data.test.x, torch.from_numpy(X[40:]))
    assert (len(data.train), len(data.validation)) == (37, 3)
    for name, part in {"train": slice(0, 40), "val": slice(40, 50), "test": slice(50, 60)}.items():
        np.save(tmp_path / f"{name}.npy", X[part])
    data = load(tmp_path)
    torch.testing.assert_close(data.validation.x, torch.from_numpy(X[40:50]))


def test_shards_are_one_after_the_other(tmp_path: Path) -> None:
    for i in range(3):
        np.save(tmp_path / f"part-{i}.npy", X[i * 20 : (i + 1) * 20])
        np.save(tmp_path / f"part-{i}.labels.npy", Y[i * 20 : (i + 1) * 20])
    np.savez(tmp_path.parent / "whole.npz", x=X, labels=Y)
    shards, whole = load(tmp_path), load(tmp_path.parent / "whole.npz")
    torch.testing.assert_close(shards.train.x, whole.train.x)
    assert shards.train.labels.tolist() == whole.train.labels.tolist()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_images_in_a_folder_a_class(tmp_path: Path, mode: str) -> None:
    pixels = RNG.integers(0, 256, (30, 6, 4) if mode == "L" else (30, 6, 4, 3), dtype=np.uint8)
    for i, image in enumerate(pixels):
        folder = tmp_path / ("boots" if i % 2 else "bags")
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / f"{i:02}.png")
    data = load(tmp_path)
    assert data.class_names == ("bags", "boots")
    assert data.image_shape == ((6, 4) if mode == "L" else (3, 6, 4))
    order = pixels if mode == "L" else pixels.transpose(0, 3, 1, 2)
    bags = torch.from_numpy(order[::2].reshape(15, -1)).float() / 255
    seen = torch.cat([split.x[split.labels == 0] for split in (data.train, data.validation, data.test)])
    torch.testing.assert_close(seen.sum(0), bags.sum(0))


def test_what_normalisation_does(tmp_path: Path) -> None:
    x = (RNG.standard_normal((200, D)) * [1, 2, 3, 4, 0] + 7).astype(np.float32)
    np.save(tmp_path / "a.npy", x)
    rms, plain = load(tmp_path / "a.npy"), load(f"{tmp_path}/a.npy:normalise=none")
    torch.testing.assert_close(rms.train.x.square().sum(1).mean(), torch.tensor(float(D)), rtol=1e-4, atol=0)
    torch.testing.assert_close(rms.train.x.mean(0), torch.zeros(D), rtol=0, atol=1e-5)
    ratio = (plain.test.x - plain.train.x.mean(0))[:, :4] / rms.test.x[:, :4]
    torch.testing.assert_close(ratio, ratio[:1, :1].expand_as(ratio), rtol=1e-3, atol=0)
    np.save(tmp_path / "small.npy", 0.4 * X)
    small = load(tmp_path / "small.npy")
    assert (load(npy(tmp_path)).scaling, small.scaling and small.scaling.how) == (None, "rms"), "pixels reach a half"
    own = load(f"{tmp_path}/a.npy:normalise=standardise")
    torch.testing.assert_close(own.train.x.std(0, correction=0), torch.tensor([1.0, 1, 1, 1, 0]), rtol=1e-3, atol=0)
    for data in (rms, own):
        assert data.scaling is not None
        torch.testing.assert_close(data.scaling.undone(data.test.x), plain.test.x, rtol=1e-5, atol=1e-5)
    assert plain.scaling is None
    np.save(tmp_path / "b.npy", X)
    torch.testing.assert_close(load(tmp_path / "b.npy").train.x.max(), torch.tensor(X.max()), rtol=0.05, atol=0)


def test_identity_is_the_content_and_how_it_is_read(tmp_path: Path) -> None:
    path = npy(tmp_path)
    first = checksum(path)
    copy = tmp_path / "copy"
    copy.mkdir()
    assert checksum(npy(copy)) == first, "wherever it lies"
    assert checksum(f"{path}:normalise=rms") != first
    (tmp_path / "acts.classes.txt").write_text("cat\ndog\nelk\n")
    second = checksum(path)
    assert second != first
    np.save(tmp_path / "acts.labels.npy", Y[::-1])
    assert checksum(path) not in (first, second)


class Code:
    """What a pickle may hold."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("it ran",)


def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", np.array([Code()], dtype=object), allow_pickle=True)
    torch.save({"x": Code()}, tmp_path / "a.pt")
    np.save(tmp_path / "b.npy", X)
    np.save(tmp_path / "b.labels.npy", np.array([Code()] * N, dtype=object), allow_pickle=True)
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Code()))
    for name, words in {"a.npy": "a.npy", "a.pt": "a.pt", "b.npy": "b.labels.npy", "b.pt": "b.pt"}.items():
        with pytest.raises(BenchError, match=f"{words}' cannot be read: it holds pickled objects"):
            load(tmp_path / name)
    said = capsys.readouterr()
    assert ("it ran" in said.out, said.err) == (False, "")


def test_what_cannot_be_right_is_refused(tmp_path: Path) -> None:
    def refused(name: str, words: str) -> None:
        with pytest.raises(BenchError, match=words):
            load(tmp_path / name)

    (tmp_path / "short.npy").write_bytes(npy(tmp_path).read_bytes()[:200])
    refused("short.npy", "short.npy' cannot be read: it is cut short or damaged")
    for make in (npz, tensors, pt):
        whole = make(tmp_path)
        whole.write_bytes(whole.read_bytes()[:-90])
        refused(whole.name, f"{whole.name}' cannot be read: it is cut short or damaged")
    holed = X.copy()
    holed[7, 1] = np.nan
    pd.DataFrame(holed, columns=list("abcde")).to_csv(tmp_path / "holed.csv", index=False)
    refused("holed.csv:normalise=rms", "holed.csv' has nan at row 7, column 1")
    np.save(tmp_path / "few.npy", X[:5])
    refused("few.npy", "would be split into 5 / 0 / 0 samples: of each class")
    refused("nothing", "There is no file or folder '.*/nothing'; give its path")
    (tmp_path / "photo.txt").write_text("a photo")
    refused("photo.txt", "photo.txt' is no data set: give a folder, or a file that ends in .npy")
    np.savez(tmp_path / "long.npz", x=X, labels=Y[:-1])
    refused("long.npz", "labels of shape \\(59,\\) for 60 samples")
    np.savez(tmp_path / "none.npz", numbers=X)
    refused("none.npz", "has no inputs among numbers")
    np.savez(tmp_path / "more.npz", x=X, labels=Y, class_names=np.array(["a", "b"]))
    refused("more.npz", "label 2, and names 2 classes")
    np.savez(tmp_path / "half.npz", x_train=X)
    refused("half.npz", "train and test are needed")
    pd.DataFrame({"a": [1.0, 2.0], "town": ["Ulm", "Bonn"]}).to_csv(tmp_path / "words.csv", index=False)
    refused("words.csv", "no numbers: town.*labels=COLUMN")
    pd.DataFrame({"text": ["Ulm", "Bonn"], "label": [1, 2]}).to_csv(tmp_path / "texts.csv", index=False)
    refused("texts.csv", "no column of numbers, only text, label.*bench extract")
    np.savez(tmp_path / "nothing.npz", x=X[:, :0])
    refused("nothing.npz", "samples of no numbers, of the shape \\(0,\\)")
    refused("words.csv:labels=city", "no column 'city' for labels; it has a, town")
    refused("words.csv:label=town", "Did you mean 'labels'")
    refused("words.csv:normalise=max", "normalisation 'max'.*Valid: auto, center")
    refused("there_is_none.npy", "There is no file")
    (tmp_path / "odd").mkdir()
    for i, size in enumerate([(4, 4), (4, 5)]):
        Image.new("L", size).save(tmp_path / "odd" / f"{i}.png")
    refused("odd", "Images of one size are needed: .*0.png' has 4 x 4 pixels, .*1.png' 5 x 4")
    (tmp_path / "odd" / "1.png").write_bytes(b"\x89PNG nothing")
    refused("odd", "1.png' does not open")


def test_labels_that_are_no_classes_are_refused(tmp_path: Path) -> None:
    table = pd.DataFrame(X, columns=list("abcde"))
    table = table.assign(count=np.arange(N) // 2, name=[f"cell {i}" for i in range(N)], dose=Y + 0.5, kind=Y)
    for column, words in {
        "count": r"'count' of '.*' looks continuous \(30 values in 60 samples\); name a column of classes, or leave",
        "a": r"'a' of '.*' looks continuous \(60 values",
        "dose": "'dose' of '.*' has 0.5, and classes are whole numbers or words",
        "name": r"'name' of '.*' looks like names of samples \(60 values",
    }.items():
        (table[[*"bcde", column]]).to_csv(tmp_path / "t.csv", index=False)
        with pytest.raises(BenchError, match=words):
            load(f"{tmp_path}/t.csv:labels={column}")
    table.drop(columns=["name"]).to_csv(tmp_path / "t.csv", index=False)
    assert load(f"{tmp_path}/t.csv:labels=kind").class_names == ("0", "1", "2")


def test_what_the_head_of_a_table_says_is_said_in_the_plan(tmp_path: Path) -> None:
    """By the checksum, which a plan asks for; the files are not read to their ends."""
    table = pd.DataFrame(X, columns=list("abcde")).assign(cell_type=WORDS)
    table.drop(columns="cell_type").to_csv(tmp_path / "index.csv")
    table.to_csv(tmp_path / "words.tsv", index=False, sep="\t")
    table.to_csv(tmp_path / "semicolons.csv", index=False, sep=";")
    table.set_index(table.index.map("cell {}".format)).to_csv(tmp_path / "barcodes.csv")
    for name, words in {
        "index.csv": "column 'Unnamed: 0' that numbers its rows.*index=False",
        "words.tsv": "no numbers: cell_type",
        "words.tsv:labels=celltype": "no column 'celltype' for labels; it has a, b, .*Did you mean 'cell_type'",
        "semicolons.csv:labels=cell_type": "have ';' between its columns",
        "barcodes.csv:labels=cell_type": "no numbers: Unnamed: 0.*to 'name'",
    }.items():
        with pytest.raises(BenchError, match=words):
            checksum(tmp_path / name)
    assert load(f"{tmp_path}/words.tsv:labels=cell_type").class_names == ("cat", "dog", "eel")


def test_numbers_that_float32_would_round_off_are_refused(tmp_path: Path) -> None:
    near, shift = (X - X.mean(0)).astype(np.float64), 1e7 * np.eye(D)[3]
    np.save(tmp_path / "far.npy", near + shift)
    np.savez(tmp_path / "far.npz", x=near + shift)
    pd.DataFrame(near + shift, columns=list("abcde")).to_csv(tmp_path / "far.csv", index=False)
    for end, called in {"npy": "", "npz": "", "csv": r" \('d'\)"}.items():
        words = rf"column 3{called} has a mean of 1e\+07 and .*Subtract the mean first \(1 such column\)"
        with pytest.raises(DataError, match=words):
            load(tmp_path / f"far.{end}")
    np.save(tmp_path / "whole.npy", np.round(near * 100) + shift)  # which float32 holds as they are
    assert len(load(tmp_path / "whole.npy").train) == 48


def test_what_samples_are_called_goes_with_them(tmp_path: Path) -> None:
    names = [f"sample {i}" for i in range(N)]
    path = npy(tmp_path)
    (tmp_path / "acts.names.txt").write_text("\n".join(names))
    (tmp_path / "acts.categories.txt").write_text("land\nland\nsea\n")
    table = pd.DataFrame(X, columns=list("abcde")).assign(label=WORDS, text=names)
    table.to_csv(tmp_path / "table.csv", index=False)
    np.savez(tmp_path / "all.npz", x=X, y=Y, names=names, categories=["land", "land", "sea"], classes=["a", "b", "c"])
    for each in (path, tmp_path / "table.csv", tmp_path / "all.npz"):
        data = load(each)
        assert data.categories == (None if each.suffix == ".csv" else ("land", "land", "sea"))
        assert data.feature_names == (tuple("abcde") if each.suffix == ".csv" else None)
        for split in (data.train, data.test.to(torch.device("cpu")), data.validation.spread(3)):
            assert split.names is not None
            rows = torch.tensor([names.index(name) for name in split.names])
            torch.testing.assert_close(split.x, torch.from_numpy(X)[rows])
    assert checksum(path) != (checksum(path), (tmp_path / "acts.names.txt").unlink(), checksum(path))[2]


def test_images_are_called_by_their_paths(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for i in range(30):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2), 8 * i, np.uint8)).save(folder / "ab"[i % 2] / f"{i}.png")
    (tmp_path / "photos.categories.txt").write_text("first\nsecond\n")
    data = load(folder)
    assert data.categories == ("first", "second")
    assert data.test.names is not None
    brightness = (data.test.x[:, 0] * 255).round().int().tolist()
    assert list(data.test.names) == [f"{'ab'[v // 8 % 2]}/{v // 8}.png" for v in brightness]


def test_names_of_another_number_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, names=["one"])
    with pytest.raises(DataError, match="names has 1 rows for 60 samples"):
        load(tmp_path / "a.npz")


def saved(folder: Path, table: dict[str, object], features: dict[str, object], shards: int = 2) -> Path:
    """What save_to_disk of Hugging Face's datasets leaves."""
    pa = pytest.importorskip("pyarrow")
    folder.mkdir(parents=True)
    whole = pa.table(table)
    files = [f"data-{i:05}-of-{shards:05}.arrow" for i in range(shards)]
    for file, start in zip(files, np.linspace(0, len(whole), shards, endpoint=False).astype(int), strict=True):
        part = whole.slice(start, len(whole) // shards)
        with pa.OSFile(str(folder / file), "wb") as sink, pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
    state = {"_data_files": [{"filename": file} for file in files]}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


def test_a_saved_hugging_face_data_set(tmp_path: Path) -> None:
    label = {"label": {"_type": "ClassLabel", "names": ["eel", "dog", "cat"]}}
    acts = saved(tmp_path / "acts", {"embedding": list(X), "label": Y, "text": WORDS}, label)
    data = load(acts)
    order = [int(np.abs(X - row.numpy()).sum(1).argmin()) for row in data.train.x]
    assert [data.class_names[i] for i in data.train.labels] == np.array(["eel", "dog", "cat"])[Y][order].tolist()
    assert data.train.names == tuple(WORDS[order])
    columns = {name: X[:, i] for i, name in enumerate("abcde")}
    for split in ("train", "test"):
        saved(tmp_path / "splits" / split, {**columns, "label": Y}, {})
    torch.testing.assert_close(load(tmp_path / "splits").test.x, torch.from_numpy(X))


def test_a_saved_data_set_of_images(tmp_path: Path) -> None:
    pixels, rows = RNG.integers(0, 256, (N, 3, 4), dtype=np.uint8), []
    for image in pixels:
        Image.fromarray(image).save(encoded := io.BytesIO(), "png")
        rows.append({"bytes": encoded.getvalue(), "path": None})
    data = load(saved(tmp_path / "images", {"image": rows}, {}, 1))
    assert data.image_shape == (3, 4)
    seen = torch.cat([split.x for split in data.splits.values()])
    np.testing.assert_allclose(seen.sum(0), pixels.reshape(N, -1).sum(0) / 255, rtol=1e-5)


def test_a_saved_data_set_of_unlike_rows_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "a", {"x": [[1.0], [1.0, 2.0]]}, {}, 1)
    with pytest.raises(BenchError, match="rows of its column 'x' have unlike lengths"):
        load(folder)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_annotated_matrix(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    cells = pd.DataFrame({"kind": WORDS}, index=[f"cell {i}" for i in range(N)])
    anndata.AnnData(csr_array(X), obs=cells).write_h5ad(tmp_path / "cells.h5ad")
    data = load(f"{tmp_path}/cells.h5ad:labels=kind")
    order = [int(np.abs(X - row.numpy()).sum(1).argmin()) for row in data.train.x]
    assert [data.class_names[i] for i in data.train.labels] == WORDS[order].tolist()
    assert data.train.names == tuple(f"cell {i}" for i in order)
    with pytest.raises(BenchError, match="no array 'sort' for labels; it has kind, names, x"):
        load(f"{tmp_path}/cells.h5ad:labels=sort")


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_other_matrices_of_an_annotated_one(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    cells = anndata.AnnData(X, obs=pd.DataFrame({"kind": WORDS}, index=[f"cell {i}" for i in range(N)]))
    cells.layers["counts"] = csr_array(np.float32(3) * X)
    cells.obsm["X_pca"] = X[:, :2]
    path = f"{tmp_path}/cells.h5ad"
    cells.write_h5ad(path)
    plain = load(f"{path}:labels=kind:normalise=none")
    counts = load(f"{path}:labels=kind:layer=counts:normalise=none")
    torch.testing.assert_close(counts.train.x, 3 * plain.train.x)
    assert (counts.train.labels.tolist(), counts.train.names) == (plain.train.labels.tolist(), plain.train.names)
    torch.testing.assert_close(load(f"{path}:obsm=X_pca:labels=kind:normalise=none").test.x, plain.test.x[:, :2])
    assert checksum(f"{path}:layer=counts") != checksum(path)
    for asked, words in {
        "cells.h5ad:layer=count": "Did you mean 'counts'",
        "cells.h5ad:layer=counts:obsm=X_pca": "give one of them",
        "acts.npy:layer=counts": "of an .h5ad file",
    }.items():
        with pytest.raises(BenchError, match=words):
            load(npy(tmp_path).parent / asked)


def test_an_option_tells_a_folder_from_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npy(tmp_path)
    monkeypatch.chdir(tmp_path.parent)
    assert place_of(tmp_path.name) is None
    assert place_of(f"{tmp_path.name}:normalise=unit") is None, "as that of a data set's name"
    for reference in (f"./{tmp_path.name}", f"{tmp_path.name}:patches=16"):
        place = place_of(reference)
        assert place
        assert place.path.resolve() == tmp_path
    with pytest.raises(BenchError, match=r"Unknown option of a data set 'patch'\. Did you mean 'patches'"):
        place_of(f"{tmp_path.name}:patch=16")


@pytest.mark.parametrize("name", ["mnist", "my_data.py:Blobs", "package.module:Object"])
def test_other_references_are_none(name: str) -> None:
    assert place_of(name) is None


def test_all_that_can_be_asked_for_is_there() -> None:
    assert set(READERS) == set(SUFFIXES)
    assert {*AFFINES, "auto", "none"} == set(NORMALISATIONS)
