"""Reconstructions in the place of a layer's output: identity keeps all, zeros nothing, the mean nothing of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.activations.downstream import Effects, effects
from bench.activations.site import Named, Site, open_site
from bench.datasets.base import Dataset
from bench.datasets.extracted import read_manifest
from bench.datasets.files import FileSource
from bench.datasets.larger import IN_MEMORY
from bench.datasets.place import place_of
from bench.errors import BenchError
from bench.store.record import Record
from bench.store.runs import RunStore
from metrics import downstream as metrics
from metrics.base import NotApplicable
from models.base import Codes
from models.identity import Identity
from models.mean import Mean
from tests.bench.activations.nets import TOKENIZER
from tests.bench.activations.test_extract import extract
from tests.bench.cli.helpers import bench
from tests.gpu.pretended import pretended_gpu

CLASSIFIER = """
import torch
from sklearn.datasets import load_digits
from torch import nn


def net():
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    x, targets = torch.from_numpy(images).float() / 16, nn.functional.one_hot(torch.from_numpy(labels)).float()
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 40), nn.ReLU(inplace=True), nn.Linear(40, 10))
    with torch.no_grad():
        hidden = torch.cat([network[:3](x), torch.ones(len(x), 1)], 1)
        solution = torch.linalg.lstsq(hidden, targets).solution.T
        network[3].weight.copy_(8 * solution[:, :-1])
        network[3].bias.copy_(8 * solution[:, -1])
    return network
"""
"""Reads digits by least squares on random features."""

LANGUAGE = f'''{TOKENIZER}

class Pair(nn.Module):
    def forward(self, x):
        return 2 * x, None


class Net(nn.Module):
    """Sure by 6 nats that the word after the next one in the alphabet is not meant."""

    def __init__(self, headless=False, whole=False):
        super().__init__()
        self.embed, self.block, self.head = nn.Embedding(5, 5), Pair(), nn.Linear(5, 5, bias=False)
        self.headless, self.whole = headless, whole
        with torch.no_grad():
            self.embed.weight.copy_(3 * torch.eye(5))
            self.head.weight.copy_(torch.eye(5)[[4, 0, 1, 2, 3]])

    def forward(self, input_ids, attention_mask):
        hidden, _ = self.block(self.embed(input_ids))
        hidden = hidden + hidden.mean(1, keepdim=True) if self.whole else hidden
        return hidden[..., :3] if self.headless else self.head(hidden)


def net():
    return Net(), Tokenizer()


def headless():
    return Net(headless=True), Tokenizer()


def whole():
    return Net(whole=True), Tokenizer()
'''
"""After <s> comes a, after a comes b, and so on, by 6 nats."""


class Zero(Identity):
    """Reconstructs nothing."""

    def decode(self, codes: Codes) -> Tensor:
        return torch.zeros_like(codes.dense())


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with activations of a classifier, `images`, and of a language model, `tokens`. Read only."""
    folder = tmp_path_factory.mktemp("places")
    (folder / "see.py").write_text(CLASSIFIER, encoding="utf-8")
    (folder / "say.py").write_text(LANGUAGE, encoding="utf-8")
    rng = np.random.default_rng(0)
    texts = [" ".join("abcd"[: rng.integers(1, 5)]) for _ in range(60)]
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    words = ("--backbone", "./see.py:net", "--inputs", "digits", "--layer", "1", "--out", "images")
    assert extract(folder, *words).returncode == 0
    for net in ("net", "headless", "whole"):
        words = ("--backbone", f"./say.py:{net}", "--inputs", "texts.jsonl", "--layer", "block", "--context", "8")
        assert extract(folder, *words, "--pool", "none", "--out", f"tokens-{net}").returncode == 0
    assert extract(folder, *words, "--out", "pooled").returncode == 0
    return folder


def opened(
    folder: Path,
    name: str,
    backbone: str,
    inputs: str,
    how: str = "rms",
    in_memory: int = IN_MEMORY,
    device: str = "cpu",
    **other: str,
) -> tuple[Site, Dataset]:
    """With another manifest than the folder's, if so asked."""
    place, manifest = place_of(f"{folder / name}:normalise={how}"), read_manifest(folder / name)
    assert place is not None
    assert manifest is not None
    dataset = FileSource(place, in_memory).load(folder).to(torch.device(device))
    named = Named(f"{folder}/{backbone}", None, inputs)
    return open_site(folder / name, manifest.model_copy(update=other), named, dataset, folder, device), dataset


def measured(site: Site, dataset: Dataset, cls: Any, limit: int | None = None) -> Effects:
    model = cls(cls.Config(), dataset.n_features).to(dataset.train.x.device)
    model.fit(dataset.train.x)
    return effects(site, model, dataset, limit)


def test_a_language_model(places: Path) -> None:
    """Its losses are known: 6 nats for the right word, 0 for four others; with zeros all five are alike."""
    for how in ("rms", "standardise", "none"):
        site, dataset = opened(places, "tokens-net", "say.py:net", str(places / "texts.jsonl"), how)
        kept = measured(site, dataset, Identity)
        samples = len(dataset.test.factors["group"].unique())
        assert len(kept.losses["original"]) == len(dataset.test) - samples  # each token but the first is predicted
        assert kept.hits == {}
        original = np.log(np.exp(6) + 4) - 6
        np.testing.assert_allclose(kept.losses["original"], original, atol=1e-6)
        np.testing.assert_allclose(kept.losses["zero"], np.log(5), atol=1e-6)
        assert metrics.downstream_ce_recovered(kept) == pytest.approx(1, abs=1e-5)
        assert metrics.downstream_ce_recovered_from_mean(kept) == pytest.approx(1, abs=1e-5)
        assert metrics.downstream_kl(kept) == pytest.approx(0, abs=1e-6)
        mean = measured(site, dataset, Mean)
        assert metrics.downstream_ce_recovered_from_mean(mean) == pytest.approx(0, abs=1e-5)
    zero = measured(site, dataset, Zero)  # of inputs that are not normalised
    assert metrics.downstream_ce_recovered(zero) == pytest.approx(0, abs=1e-6)
    share = np.exp(6) / (np.exp(6) + 4)
    entropy = -share * np.log(share) - 4 * (1 - share) / 4 * np.log((1 - share) / 4)
    assert metrics.downstream_kl(zero) == pytest.approx(np.log(5) - entropy, abs=1e-5)
    assert metrics.downstream_accuracy(zero) == metrics.NO_CLASSES
    few = measured(site, dataset, Zero, limit=len(dataset.test) // 2)
    assert 0 < len(few.losses["zero"]) < len(zero.losses["zero"])


@pytest.mark.parametrize(
    ("name", "backbone", "inputs"), [("tokens-net", "say.py:net", "texts.jsonl"), ("images", "see.py:net", "digits")]
)
def test_a_network_on_a_gpu_predicts_the_same(
    name: str, backbone: str, inputs: str, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one that is not there."""
    inputs = str(places / inputs) if inputs.endswith("jsonl") else inputs
    here = measured(*opened(places, name, backbone, inputs), Mean)
    with pretended_gpu(monkeypatch):
        there = measured(*opened(places, name, backbone, inputs, device="cuda"), Mean)
    torch.testing.assert_close(there.divergences, here.divergences)
    for found, expected in ((there.losses, here.losses), (there.hits, here.hits)):
        assert found.keys() == expected.keys()
        torch.testing.assert_close(list(found.values()), list(expected.values()))


def test_activations_that_are_larger_than_memory(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their test split is in memory as a sample; as many rows are replaced, of whole texts."""
    monkeypatch.setattr("bench.datasets.larger.SAMPLE", 9)
    monkeypatch.setenv("XDG_CACHE_HOME", str(places / "cache"))
    site, dataset = opened(places, "tokens-net", "say.py:net", str(places / "texts.jsonl"), in_memory=100)
    assert dataset.whole is not None
    assert len(dataset.test) == 9
    kept = measured(site, dataset, Identity)
    assert 0 < len(kept.losses["original"]) < 9 + 4
    assert metrics.downstream_ce_recovered(kept) == pytest.approx(1, abs=1e-5)


def test_rows_of_another_layer_are_refused(places: Path) -> None:
    with pytest.raises(BenchError, match="does not hold what the layer 'embed' returns"):
        opened(places, "tokens-net", "say.py:net", str(places / "texts.jsonl"), layer="embed")


def test_a_classifier(places: Path) -> None:
    """The layer after it works in place."""
    site, dataset = opened(places, "images", "see.py:net", "digits", "none")
    kept = measured(site, dataset, Identity)
    head = site.source.backbone.network[2:]  # type: ignore[index]

    def accuracy(rows: Tensor) -> float:
        return float((head(rows.clone()).argmax(1) == dataset.test.labels).double().mean())

    mean = dataset.train.x.mean(0).expand_as(dataset.test.x)
    original, zero = accuracy(dataset.test.x), accuracy(torch.zeros_like(mean))
    assert original > 0.9
    assert metrics.downstream_accuracy(kept) == pytest.approx(
        {"": original, "original": original, "zero": zero, "mean": accuracy(mean)}
    )
    assert metrics.downstream_accuracy_kept(kept) == 1
    assert metrics.downstream_accuracy_kept(measured(site, dataset, Zero)) == 0
    assert metrics.downstream_ce(kept) == metrics.downstream_ce_recovered(kept) == metrics.NO_TOKENS
    own, others = (head(rows.clone()).log_softmax(1) for rows in (dataset.test.x, mean))
    divergence = torch.nn.functional.kl_div(others, own, reduction="batchmean", log_target=True).item()
    assert metrics.downstream_kl(measured(site, dataset, Mean)) == pytest.approx(divergence, rel=1e-4)


def test_what_costs_nothing_has_no_share() -> None:
    alike = Effects(dict.fromkeys(("original", "reconstructed", "zero", "mean"), torch.ones(3)), {}, torch.zeros(3))
    assert isinstance(metrics.downstream_ce_recovered(alike), NotApplicable)


RUN = ("run", "--budget", "smoke", "--metrics", "fvu,downstream_ce_recovered", "--seeds", "1")


def evaluate(folder: Path, data: str, *words: str) -> Any:
    said = bench("evaluate", "--downstream", "--datasets", f"./{data}", "--results", f"runs-{data}", *words, cwd=folder)
    return said.returncode, said.stdout + said.stderr


def records(folder: Path, data: str) -> dict[str, Record]:
    return {record.spec.model: record for record in RunStore(folder / f"runs-{data}").scan().records}


def test_the_command(places: Path) -> None:
    study = ("--models", "identity,mean", "--datasets", "./tokens-net", "--results", "runs-tokens-net")
    assert bench(*RUN, *study, cwd=places).returncode == 0
    entry = RunStore(places / "runs-tokens-net").folder(records(places, "tokens-net")["mean"].run_id).legend().metrics
    assert "bench evaluate --downstream" in entry["downstream_ce_recovered"].not_applicable
    words = ("--metrics", "downstream_ce_recovered,downstream_accuracy")
    code, said = evaluate(places, "tokens-net", *words)
    assert (code, "is code, './say.py:net', and what a manifest names is not run unless" in said) == (2, True), said
    code, said = evaluate(places, "tokens-net", *words, "--backbone", "./say.py:net")
    assert (code, "2 runs evaluated" in said) == (0, True), said
    found = {
        model: record.metrics["downstream_ce_recovered"] for model, record in records(places, "tokens-net").items()
    }
    assert found["identity"] == pytest.approx(1, abs=1e-5)
    assert found["mean"] < 0.5
    assert "CE recovered" in bench("leaderboard", "--results", "runs-tokens-net", cwd=places).stdout.replace("\n", " ")
    assert "2 up to date" in evaluate(places, "tokens-net", *words, "--backbone", "./say.py:net")[1]
    plain = bench("evaluate", *words, "--datasets", "./tokens-net", "--results", "runs-tokens-net", cwd=places)
    assert "2 up to date" in plain.stdout  # nothing is lost where the network is not at hand


@pytest.mark.parametrize(
    ("data", "words", "said"),
    [
        ("pooled", ("--backbone", "./say.py:whole"), "Extract with --pool none"),
        ("tokens-net", ("--backbone", "./see.py:net"), "its weights differ"),
        ("tokens-net", ("--backbone", "./say.py:net", "--inputs", "other.jsonl"), "name its inputs with --inputs"),
        ("tokens-headless", ("--backbone", "./say.py:headless"), "take the network with its head"),
        ("tokens-whole", ("--backbone", "./say.py:whole"), "a causal language model is needed"),
        ("tokens-net", ("--backbone", "./moved.py:net"), "its code has changed"),
        ("tokens-net", ("--backbone", "timm:none", "--inputs", "texts.jsonl"), "timm"),
    ],
)
def test_what_does_not_fit_is_refused_before_long_work(
    places: Path, data: str, words: tuple[str, ...], said: str
) -> None:
    (places / "other.jsonl").write_text('{"text": "a b"}\n' * 60, encoding="utf-8")
    (places / "moved.py").write_text(LANGUAGE.replace("2 * x", "x + x"), encoding="utf-8")
    study = ("--models", "mean", "--datasets", f"./{data}", "--results", f"runs-{data}")
    assert bench(*RUN, *study, cwd=places).returncode == 0
    code, printed = evaluate(places, data, *words)
    assert (code, said in printed) == (2, True), printed


def test_a_run_on_other_data_is_named(places: Path) -> None:
    assert (
        bench(*RUN, "--models", "mean", "--datasets", "digits", "--results", "runs-images", cwd=places).returncode == 0
    )
    code, said = evaluate(places, "images")
    assert (code, "None of 1 run is on activations that --datasets names" in said) == (2, True), said
    code, said = evaluate(places, "images", "mean")
    assert (code, "is on 'digits', which is no folder that `bench extract` wrote" in said) == (2, True), said
    plain = bench("evaluate", "--backbone", "./say.py:net", "--results", "runs-images", cwd=places)
    assert (plain.returncode, "are for --downstream" in plain.stderr) == (2, True)


def test_a_random_llama(tmp_path: Path) -> None:
    """Its original loss is what transformers computes."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate("_abcd")}, unk_token="_"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, bos_token="_")
    config = transformers.LlamaConfig(
        vocab_size=5, hidden_size=8, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=16, initializer_range=1.0,
    )  # fmt: skip
    network = transformers.LlamaForCausalLM(config).eval()
    for part in (tokenizer, network):
        part.save_pretrained(tmp_path / "llama")
    texts = [" ".join("abcdabcd"[i % 4 : i % 4 + 2 + i % 3]) for i in range(40)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    say = ("--inputs", "texts.jsonl", "--layer", "model.layers.0", "--pool", "none", "--dtype", "float16")
    assert extract(tmp_path, "--backbone", "hf:./llama", *say, "--out", "acts").returncode == 0
    study = ("--models", "identity", "--datasets", "./acts", "--results", "runs-acts")
    assert bench(*RUN, *study, cwd=tmp_path).returncode == 0
    code, said = evaluate(tmp_path, "acts", "--metrics", "downstream_ce,downstream_kl")
    assert code == 0, said
    found = records(tmp_path, "acts")["identity"].metrics
    place = place_of(str(tmp_path / "acts"))
    assert place is not None
    total, n = 0.0, 0
    for sample in FileSource(place).load(tmp_path).test.factors["group"].unique():
        ids = tokenizer(texts[sample], return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            total += network(input_ids=ids, labels=ids).loss.item() * (ids.shape[1] - 1)
        n += ids.shape[1] - 1
    assert found["downstream_ce.original"] == pytest.approx(total / n, rel=1e-5)
    assert found["downstream_ce"] == pytest.approx(total / n, rel=1e-4)
    assert found["downstream_kl"] == pytest.approx(0, abs=1e-6)
