"""Extraction by the command: the numbers are the network's, whatever interrupts it, and `--datasets` reads them."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import conv2d

from bench.activations.backbones import Wanted
from bench.activations.extract import Request, extract as extract_to, load
from bench.datasets.extracted import pictures_of, read_manifest, samples_in
from bench.datasets.files import FileSource
from bench.datasets.place import place_of
from bench.datasets.splitting import stratified
from bench.errors import BenchError
from bench.plugins.importing import import_target
from bench.store.lock import acquire
from tests.bench.activations.nets import image_net, photos, text_net, texts
from tests.bench.cli.helpers import FEW, Said, bench
from tests.gpu.pretended import pretended_gpu


def extract(folder: Path, *words: str) -> Said:
    """`bench extract` in a folder."""
    return bench("extract", *words, "--device", "cpu", cwd=folder)


def rows(folder: Path) -> np.ndarray:
    return np.concatenate([np.load(file) for file in sorted(folder.glob("shard-*.npy"))])


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != ".lock"}


@pytest.fixture
def images(tmp_path: Path) -> tuple[str, ...]:
    """The words of an extraction from images, but for the layer."""
    return ("--backbone", image_net(tmp_path), "--inputs", str(photos(tmp_path)), "--batch-size", "3")


@pytest.fixture
def sentences(tmp_path: Path) -> tuple[str, ...]:
    """The same from texts."""
    return ("--backbone", text_net(tmp_path), "--inputs", str(texts(tmp_path)), "--layer", "block", "--pool", "none")


def test_rows_are_what_the_layers_return(tmp_path: Path, images: tuple[str, ...]) -> None:
    """`act` works in place: what `conv` returned is kept from before."""
    done = extract(tmp_path, *images, "--layer", "conv", "--layer", "act", "--out", "acts")
    assert done.returncode == 0, done.stderr
    net = import_target(str(tmp_path / "net.py"), "backbone", "net").net()
    files = sorted((tmp_path / "photos").rglob("*.png"))
    x = torch.from_numpy(np.stack([np.asarray(Image.open(file)) for file in files])).permute(0, 3, 1, 2) / 255
    maps = conv2d(x, net.conv.weight, net.conv.bias, padding=1).detach()
    np.testing.assert_allclose(rows(tmp_path / "acts" / "conv"), maps.mean((2, 3)), atol=1e-6)
    np.testing.assert_allclose(rows(tmp_path / "acts" / "act"), maps.relu().mean((2, 3)), atol=1e-6)
    assert (maps.mean((2, 3)) < 0).any()
    manifest = read_manifest(tmp_path / "acts" / "conv")
    assert manifest is not None
    assert (manifest.class_names, manifest.row, manifest.output_shape) == (["cat", "dog"], "sample", [4, 8, 8])
    assert next(each.name for each in samples_in(tmp_path / "acts" / "conv", manifest)) == "cat/00.png"
    place = place_of(str(tmp_path / "acts" / "act"))
    assert place is not None
    assert 0 <= rows(place.path).min() < rows(place.path).max() <= 1, "as pixels are, but these are none"
    scaling = FileSource(place).load(tmp_path).scaling
    assert scaling is not None
    assert scaling.how == "rms"


@pytest.mark.parametrize("pool", ["mean", "none"])
@pytest.mark.parametrize("made_of", ["images", "texts"])
def test_a_network_on_a_gpu_returns_the_same(
    made_of: str, pool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one that is not there."""
    net, inputs = (
        (image_net(tmp_path), photos(tmp_path)) if made_of == "images" else (text_net(tmp_path), texts(tmp_path))
    )
    layers = ["act" if made_of == "images" else "block"]
    here = Request(Wanted(str(tmp_path / net)), str(inputs), tmp_path, layers=layers, pool=pool)
    extract_to(here, load(here), tmp_path / "here")
    with pretended_gpu(monkeypatch):
        there = replace(here, device="cuda")
        extract_to(there, load(there), tmp_path / "there")
    np.testing.assert_allclose(rows(tmp_path / "there"), rows(tmp_path / "here"), atol=1e-6)


def test_patches_keep_their_sample_and_their_place(tmp_path: Path, images: tuple[str, ...]) -> None:
    done = extract(tmp_path, *images, "--layer", "act", "--pool", "none", "--out", "acts")
    assert "1280 rows of 4 numbers (float32), each of a patch, of 20 samples" in done.stdout
    acts = tmp_path / "acts"
    values = rows(acts).reshape(20, 8, 8, 4)
    pooled = extract(tmp_path, *images, "--layer", "act", "--out", "its means")
    assert pooled.stdout.endswith("--datasets './its means'\n"), "as a shell takes it"
    np.testing.assert_allclose(values.mean((1, 2)), rows(tmp_path / "its means"), atol=1e-6)
    assert np.load(acts / "sample.npy").tolist() == np.repeat(np.arange(20), 64).tolist()
    assert np.load(acts / "position.npy").tolist() == list(range(64)) * 20
    assert np.load(acts / "labels.npy").tolist() == np.repeat([0, 1], 640).tolist()
    picture = pictures_of(manifest) if (manifest := read_manifest(acts)) else None
    assert picture is not None
    assert picture("cat/00.png").shape == (48, 48, 3)
    assert np.ptp(picture("cat/00.png")) > 0
    assert np.ptp(picture("../acts/cat/00.png")) == np.ptp(picture("cat/99.png")) == 0, "grey where none is"


def test_tokens_are_without_padding_and_of_one_split(tmp_path: Path, sentences: tuple[str, ...]) -> None:
    done = extract(tmp_path, *sentences, "--out", "acts")
    assert done.returncode == 0, done.stderr
    acts, embed = tmp_path / "acts", import_target(str(tmp_path / "texts.py"), "backbone", "net").net()[0].embed
    manifest = read_manifest(acts)
    assert manifest is not None
    assert (manifest.row, manifest.categories) == ("token", ["p", "q", "q"])
    samples = list(samples_in(acts, manifest))
    assert [sample.rows for sample in samples] == [1 + len(sample.name.split()) for sample in samples]
    words = ["<s>", "a", "b", "c", "d"]
    expected = [embed.weight[[words.index(word) for word in sample.tokens or ()]].cumsum(0) for sample in samples]
    np.testing.assert_allclose(rows(acts), torch.cat(expected).detach(), atol=1e-6)
    place = place_of(f"{acts}:normalise=none")
    assert place is not None
    dataset = FileSource(place).load(tmp_path)
    chosen = stratified(torch.tensor([sample.label for sample in samples]))  # of samples, not of rows
    for split, part in zip(dataset.splits.values(), chosen, strict=True):
        own = np.isin(np.load(acts / "sample.npy"), part)
        assert split.x.numpy().tolist() == rows(acts)[own].tolist()
        assert split.labels.tolist() == np.load(acts / "labels.npy")[own].tolist()
        words_of_rows = [word for sample in samples for word in sample.tokens or ()]
        assert split.names == tuple(np.array(words_of_rows)[own])
        for file, column in (("sample", "group"), ("position", "position")):
            assert split.factors[column].tolist() == np.load(acts / f"{file}.npy")[own].tolist()
    assert (dataset.class_names, dataset.categories) == (("x", "y", "z"), ("p", "q", "q"))


def test_longer_texts_are_cut_and_counted(tmp_path: Path, sentences: tuple[str, ...]) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "a b c d a b c d a b"}\n{"text": "a"}\n', encoding="utf-8")
    done = extract(tmp_path, *sentences, "--context", "8", "--out", "acts")
    assert "1 text longer than the context: 3 tokens left out" in done.stdout
    assert len(rows(tmp_path / "acts")) == 8 + 2


def test_a_running_text_is_cut_into_contexts(tmp_path: Path, sentences: tuple[str, ...]) -> None:
    """Each begins with the special token, and none of the text is lost."""
    (tmp_path / "long.txt").write_text("a b c d " * 5, encoding="utf-8")
    done = extract(tmp_path, *sentences, "--inputs", "long.txt", "--context", "8", "--out", "acts")
    assert done.returncode == 0, done.stderr
    manifest = read_manifest(tmp_path / "acts")
    assert manifest is not None
    blocks = [sample.tokens or [] for sample in samples_in(tmp_path / "acts", manifest)]
    assert [len(block) for block in blocks] == [8, 8, 7]
    assert {block[0] for block in blocks} == {"<s>"}
    assert "".join(word for block in blocks for word in block[1:]) == "abcd" * 5


def test_an_interrupted_extraction_goes_on_to_the_same_bytes(
    tmp_path: Path, images: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.activations.extract.SHARD_BYTES", 90)  # two batches of three rows of four numbers
    words = (*images, "--layer", "act", "--layer", "conv")
    (tmp_path / "stop").touch()
    stopped = extract(tmp_path, *words, "--out", "acts")
    assert stopped.returncode == 130
    assert "6 of 20 samples are kept" in stopped.stderr
    refused = bench("run", "--models", "mean", "--datasets", "./acts/act", *FEW, cwd=tmp_path)
    assert (refused.returncode, "6 of 20 samples" in refused.stderr) == (2, True)
    (tmp_path / "stop").unlink()
    assert extract(tmp_path, *words, "--out", "acts").returncode == 0
    assert extract(tmp_path, *words, "--out", "whole").returncode == 0
    for layer in ("act", "conv"):
        assert content(tmp_path / "acts" / layer) == content(tmp_path / "whole" / layer)
        assert len(list((tmp_path / "acts" / layer).glob("shard-*.npy"))) == 4


def test_a_full_disk_keeps_what_is_there(
    tmp_path: Path, images: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it takes no file of more than 8 kB: the first shard is smaller, the column of labels is not."""
    words = (*images, "--layer", "act", "--pool", "none", "--dtype", "float16", "--out", "acts")
    monkeypatch.setattr("bench.activations.extract.SHARD_BYTES", 4000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, before[1]))
    try:
        full = extract(tmp_path, *words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert full.returncode == 2
    assert "of 20 samples are kept: make room, and issue the same command" in full.stderr
    assert extract(tmp_path, *words).returncode == 0
    assert len(rows(tmp_path / "acts")) == 20 * 64


def test_one_extraction_a_folder(tmp_path: Path, images: tuple[str, ...]) -> None:
    words = (*images, "--layer", "act", "--out", "acts")
    (tmp_path / "acts").mkdir()
    lock = acquire(tmp_path / "acts" / ".lock")
    assert lock is not None
    busy = extract(tmp_path, *words)
    lock.release()
    assert (busy.returncode, "is being written by process" in busy.stderr) == (2, True)
    assert extract(tmp_path, *words).returncode == 0
    other = extract(tmp_path, *images, "--layer", "conv", "--out", "acts")
    assert other.returncode == 2
    assert "layer 'act', not 'conv'" in other.stderr
    strange = extract(tmp_path, *images, "--layer", "conv", "--out", ".")
    assert (strange.returncode, "holds other things" in strange.stderr) == (2, True)


def test_an_image_that_does_not_open_is_left_out(tmp_path: Path, images: tuple[str, ...]) -> None:
    broken = tmp_path / "photos" / "cat" / "00.png"
    broken.write_bytes(broken.read_bytes()[:60])
    done = extract(tmp_path, *images, "--layer", "act", "--out", "acts")
    assert done.returncode == 0, done.stderr
    assert "1 image left out: 'cat/00.png' does not open" in done.stdout
    assert np.load(tmp_path / "acts" / "sample.npy").tolist() == list(range(1, 20))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--layer", "cnov"), "Unknown layer 'cnov'. Did you mean 'conv'?"),
        (("--layer", "pair"), "returns tuple of str and (2, 4, 8, 8); expected floats"),
        (("--layer", "twice"), "'twice' is called 2 times in a pass"),
        (("--layer", "unused"), "'unused' is called 0 times in a pass"),
        (("--layer", "act", "--pool", "cls"), "the layer returns a map (2, 4, 8, 8); use mean or none"),
        (
            ("--layer", "act", "--pool", "max"),
            "Unknown --pool 'max'. Did you mean 'mean'? Valid: cls, last, mean, none",
        ),
        (("--layer", "act", "--inputs", "digits"), "does not take these inputs"),
        (("--layer", "act", "--inputs", "vectors.npy"), "are no images"),
        (("--layer", "act", "--inputs", "texts.jsonl"), "holds texts, and the backbone takes images"),
        (("--layer", "act", "--weights", "none.pt"), "The weights 'none.pt' cannot be read"),
        (("--layer", "act", "--image-size", "9"), "--image-size 9 changes nothing"),
        (("--layer", "act", "--context", "9"), "--context 9 changes nothing"),
        (("--layer", "act", "--inputs", "digits:normalise=center"), "images have pixels in [0, 1]"),
        (("--layer", "act", "--backbone", "resnet18"), "names no network"),
        (("--layer", "act", "--backbone", "tim:resnet18"), "Unknown kind of backbone 'tim'. Did you mean 'timm'?"),
        ((), "--layer MODULE.NAME, or list them with --layers"),
    ],
)
def test_bad_input_is_said_before_anything_is_written(
    tmp_path: Path, images: tuple[str, ...], words: tuple[str, ...], said: str
) -> None:
    texts(tmp_path)
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).standard_normal((40, 5)))
    refused = extract(tmp_path, *images, *words, "--out", "acts")
    assert refused.returncode == 2, refused.stdout
    assert said in refused.stderr
    assert not (tmp_path / "acts").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": "a"}\n{"text": "  "}\n', "empty text, of sample 2"),
        ('{"words": "a"}\n', "has no column 'text'; it has words"),
        ('{"text": "a", "split": "tset"}\n', "has the split 'tset' for sample 1; valid: train"),
        ('{"text": "a", "split": "test"}\n{"text": "a"}\n', "has no split for sample 2; valid: train"),
        ("{", "cannot be read"),
    ],
)
def test_bad_texts_are_named(tmp_path: Path, sentences: tuple[str, ...], content: str, said: str) -> None:
    (tmp_path / "texts.jsonl").write_text(content, encoding="utf-8")
    refused = extract(tmp_path, *sentences, "--out", "acts")
    assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr


def test_a_split_without_samples_is_made_of_others_and_other_splits_than_extracted_are_refused(
    tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    splits = ["train"] * 19 + ["val"] + ["test"] * 21  # of every other, none is for validation
    lines = [{"text": " ".join("abcd"[i % 4 :]), "split": split} for i, split in enumerate(splits)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    done = extract(tmp_path, *sentences, "--limit", "20", "--out", "acts")
    assert done.returncode == 0, done.stderr
    file = tmp_path / "acts" / "manifest.json"
    whole = json.loads(file.read_text(encoding="utf-8"))
    assert whole["splits"] == {"train": 10, "validation": 0, "test": 10}
    place = place_of(str(tmp_path / "acts"))
    assert place is not None
    dataset = FileSource(place).load(tmp_path)
    assert len(dataset.train) + len(dataset.validation) == sum(len(line["text"].split()) + 1 for line in lines[:19:2])
    assert len(dataset.validation)
    for edit in ({"splits": {"train": 12, "test": 4}}, {"splits": {"train": 30, "test": -10}}, {"samples": 19}):
        file.write_text(json.dumps(whole | edit), encoding="utf-8")
        with pytest.raises(BenchError, match=r"manifest\.json' promises .* its shards have 20: it was edited"):
            FileSource(place).load(tmp_path)


def test_mixed_sizes_need_a_transform(tmp_path: Path, images: tuple[str, ...]) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "photos" / "cat" / "01.png")
    refused = extract(tmp_path, *images, "--layer", "act", "--out", "acts")
    assert (refused.returncode, "(3, 8, 8) and (3, 9, 9)" in refused.stderr) == (2, True)
    scaled = (*images, "--backbone", f"{tmp_path / 'net.py'}:scaled", "--layer", "act", "--out", "scaled")
    assert extract(tmp_path, *scaled).returncode == 0


def test_layers_are_listed_with_what_they_return(tmp_path: Path, images: tuple[str, ...]) -> None:
    done = extract(tmp_path, *images, "--layers")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["conv", "Conv2d", "(B,", "4,", "8,", "8)"] in lines
    assert ["unused", "Linear"] in lines


def test_a_data_set_keeps_its_splits_and_models_run_on_the_activations(tmp_path: Path) -> None:
    (tmp_path / "grey.py").write_text(
        "from torch import nn\n\ndef net():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12))\n", "utf-8"
    )
    words = ("--backbone", "./grey.py:net", "--inputs", "digits", "--layer", "1", "--limit", "600", "--out", "acts")
    done = extract(tmp_path, *words)
    assert "acts: 1, 600 rows of 12 numbers (float32), each of a sample" in done.stdout, done.stderr
    manifest = read_manifest(tmp_path / "acts")
    assert manifest is not None
    assert sum(manifest.splits.values()) == 600
    assert list(manifest.splits) == ["train", "validation", "test"]
    study = ("--models", "topk,pca", "--seeds", "1", "--budget", "smoke", *FEW)
    ran = bench("run", *study, "--datasets", "./acts", cwd=tmp_path)
    assert "2 done (0 of them before), 0 failed" in ran.stdout, ran.stdout + ran.stderr
