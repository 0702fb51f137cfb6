"""References to checkpoints of other libraries."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.plugins.checkpoints import checkpoint_place
from bench.plugins.loading import load_model_class, model_files
from bench.plugins.plugin import Plugin
from bench.plugins.registry import MODEL_REGISTRY
from tests.exchange.made import MADE


def test_a_reference_names_a_path_a_format_and_options() -> None:
    place = checkpoint_place("sae:a@b/../c d/sae.pt@overcomplete:k=32")
    assert place is not None
    assert Path(place.path) == Path.cwd() / "c d" / "sae.pt"
    assert (place.format, place.options, place.name) == ("overcomplete", {"k": "32"}, "sae:c d/sae.pt")
    assert checkpoint_place(place.reference) == place
    assert checkpoint_place("topk") is None


def test_its_files_are_its_identity_and_its_config_is_settled() -> None:
    plugin = MODEL_REGISTRY.find(f"sae:{MADE}/saelens-topk")
    assert sorted(model_files(plugin)) == ["cfg.json", "sae_weights.safetensors"]
    cls = load_model_class(plugin)
    assert cls.settled is not None
    assert {key: cls.settled[key] for key in ("selection", "k", "n_latents", "n_features")} == {
        "selection": "topk",
        "k": 3,
        "n_latents": 16,
        "n_features": 6,
    }
    assert cls.deterministic


def test_wildcards_name_replicates_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        shutil.copytree(MADE / "saelens-topk", tmp_path / "sweep" / name)
    place = MODEL_REGISTRY.find(f"sae:{tmp_path}/sweep/*").checkpoint
    assert place is not None
    assert [path.name for path in place.replicates] == ["a", "b"]
    assert not load_model_class(MODEL_REGISTRY.find(f"sae:{tmp_path}/sweep/*")).deterministic


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("sae:", "names no checkpoint"),
        ("sae:no*where", "Nothing is called"),
        ("sae:nowhere", "there is nothing. Looked for saelens: cfg.json and sae_weights.safetensors in a folder"),
        (f"sae:{MADE}/saelens-topk@sparsify", "Looked for sparsify: cfg.json and sae.safetensors in a folder"),
        (f"sae:{MADE}/saelens-topk@sealens", "format 'sealens': valid are saelens"),
        (f"sae:{MADE}/saelens-topk:k=3", "option 'k' of the format saelens: it has none"),
    ],
)
def test_what_is_no_checkpoint_is_refused(reference: str, words: str) -> None:
    with pytest.raises(BenchError, match=words):
        load_model_class(MODEL_REGISTRY.find(reference))


def test_a_replicate_that_is_gone_is_named(tmp_path: Path) -> None:
    shutil.copytree(MADE / "saelens-topk", tmp_path / "a")
    with pytest.raises(BenchError, match="names 1 checkpoints, and there is no number 1"):
        Plugin("x", f"sae:{tmp_path}/*", False, 1).files()
