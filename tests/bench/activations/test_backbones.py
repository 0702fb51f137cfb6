"""Backbones of libraries give what the library itself gives; weights that do not fit, or hold code, are refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from bench.activations.backbones import Backbone, Wanted, load_backbone, restore
from bench.activations.preparing import Pictures, Resizing, Tokens
from bench.datasets.extracted import read_manifest, samples_in
from bench.errors import BenchError
from tests.bench.activations.nets import image_net, photos
from tests.bench.activations.test_extract import extract, rows

STORIES = Path(__file__).parents[4] / "shared" / "real" / "stories260k" / "hf"
PARTS = ["<s>", "a", "b", "c", "d"]


def test_timm(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    network = timm.create_model("mobilenetv3_small_050", pretrained=False).eval()
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    words = ("--backbone", "timm:mobilenetv3_small_050", "--weights", "weights.safetensors", "--image-size", "64")
    folder = photos(tmp_path, 4, 80)
    done = extract(tmp_path, *words, "--inputs", str(folder), "--layer", "blocks", "--out", "acts")
    assert done.returncode == 0, done.stderr
    config = timm.data.resolve_data_config({"input_size": (3, 64, 64)}, model=network)
    transform = timm.data.create_transform(**config)
    x = torch.stack([transform(Image.open(file).convert("RGB")) for file in sorted(folder.rglob("*.png"))])
    with torch.inference_mode():
        last = network.blocks[-1](network.blocks[:-1](network.bn1(network.conv_stem(x))))
    np.testing.assert_allclose(rows(tmp_path / "acts"), last.mean((2, 3)), atol=1e-4, rtol=1e-4)


def test_torchvision(tmp_path: Path) -> None:
    from torchvision import models

    network = models.squeezenet1_1(weights=None).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    words = ("--backbone", "torchvision:squeezenet1_1", "--weights", "weights.pt")
    folder = photos(tmp_path, 2, 300)
    done = extract(tmp_path, *words, "--inputs", str(folder), "--layer", "classifier", "--out", "acts")
    assert done.returncode == 0, done.stderr
    transform = models.SqueezeNet1_1_Weights.DEFAULT.transforms()
    x = torch.stack([transform(Image.open(file)) for file in sorted(folder.rglob("*.png"))])
    with torch.inference_mode():
        np.testing.assert_allclose(rows(tmp_path / "acts"), network(x), atol=1e-4)


def test_a_folder_of_transformers_without_a_padding_token(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(PARTS)}, unk_token="<s>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>")
    config = transformers.GPT2Config(vocab_size=5, n_positions=16, n_embd=8, n_layer=2, n_head=2)
    network = transformers.GPT2LMHeadModel(config).eval()
    for part in (tokenizer, network):
        part.save_pretrained(tmp_path / "gpt2")
    (tmp_path / "texts.csv").write_text("text,label\na b c,x\nb,y\nNone a a a a a,x\n", "utf-8")
    done = extract(
        tmp_path, "--backbone", "hf:./gpt2", "--inputs", "texts.csv", "--layer", "transformer.h.0", "--pool", "none",
        "--out", "acts",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    values, begin = rows(tmp_path / "acts"), 0
    for text in ("a b c", "b", "None a a a a a"):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            own = network(input_ids=ids, output_hidden_states=True).hidden_states[1][0]
        np.testing.assert_allclose(values[begin : begin + len(own)], own, atol=1e-5)
        begin += len(own)
    assert begin == len(values)


@pytest.mark.skipif(not STORIES.is_dir(), reason="no real networks beside this checkout")
def test_the_last_layer_of_a_real_network_with_its_head_has_its_published_loss(tmp_path: Path) -> None:
    """1.266 nats a token, on five stories."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    text = (STORIES.parents[1] / "text_lm" / "tinystories_sample.txt").read_text(encoding="utf-8")
    stories = [story.strip() for story in text.split("<|endoftext|>") if story.strip()]
    import pandas as pd

    pd.DataFrame({"text": stories}).to_json(tmp_path / "stories.jsonl", orient="records", lines=True)
    words = ("--inputs", "stories.jsonl", "--layer", "model.norm", "--pool", "none", "--out", "acts")
    done = extract(tmp_path, "--backbone", f"hf:{STORIES}", *words)
    assert done.returncode == 0, done.stderr
    backbone = load_backbone(Wanted(f"hf:{STORIES}"))
    manifest = read_manifest(tmp_path / "acts")
    assert manifest is not None
    assert manifest.weights == backbone.weights()
    assert isinstance(backbone.preparing, Tokens)
    head, values, losses = backbone.network.get_submodule("lm_head"), torch.from_numpy(rows(tmp_path / "acts")), []
    for sample in samples_in(tmp_path / "acts", manifest):
        own, values = values[: sample.rows], values[sample.rows :]
        ids = torch.tensor(backbone.preparing.tokenizer.convert_tokens_to_ids(sample.tokens))
        losses.append(nn.functional.cross_entropy(head(own[:-1]), ids[1:], reduction="none"))
    assert torch.cat(losses).mean().item() == pytest.approx(1.266, abs=1e-3)


def test_a_library_that_is_not_there_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(BenchError, match=r"timm is not installed.*pip install 'sparse-latent-bench\[activations\]'"):
        load_backbone(Wanted("timm:resnet18"))


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"weight": torch.zeros(3, 2)}, "does not fit the backbone: it lacks bias"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(3), "more": torch.zeros(1)}, "the backbone has no more"),
        ({"weight": torch.zeros(2, 2), "bias": torch.zeros(3)}, "size mismatch for weight"),
        ({"weight": slice(0, 2)}, "holds pickled objects, which could run code"),
        ([torch.zeros(1)], "holds no mapping from names to tensors"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, weights: object, said: str) -> None:
    torch.save(weights, tmp_path / "weights.pt")
    with pytest.raises(BenchError, match=said):
        restore(nn.Linear(2, 3), tmp_path / "weights.pt")


def test_weights_of_a_checkpoint_are_found_in_it(tmp_path: Path) -> None:
    network = nn.Linear(2, 3)
    state = {f"module.{name}": torch.ones_like(value) for name, value in network.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "weights.th")
    restore(network, tmp_path / "weights.th")
    assert network.weight.sum() == 6


def test_other_weights_are_another_checksum(tmp_path: Path) -> None:
    backbone = load_backbone(Wanted(image_net(tmp_path)))
    before = backbone.weights()
    assert load_backbone(Wanted(image_net(tmp_path))).weights() == before
    with torch.no_grad():
        next(backbone.network.parameters()).add_(1)
    assert Backbone(backbone.network, backbone.preparing).weights() != before


def test_what_is_done_to_images_is_alike_in_a_manifest_that_was_read() -> None:
    """Else an extraction would not go on, as its preprocessing would seem to be another."""
    described = Pictures(Resizing(32, None, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))).described
    assert json.loads(json.dumps(described)) == described


def test_a_home_that_is_not_there_is_one_clear_error() -> None:
    pytest.importorskip("transformers")
    with pytest.raises(BenchError, match="there is no home folder that '~no-such-user' means"):
        load_backbone(Wanted("hf:~no-such-user/net"))
