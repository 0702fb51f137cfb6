"""Checkpoints of other libraries: small ones that the real libraries wrote, with what they made of some inputs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.exchange import NAMES, format_of, read
from models.exchange.checkpoint import Checkpoint, CheckpointError
from models.imported import Imported, ImportedPursuit
from models.mp import MatchingPursuit, MatchingPursuitConfig
from tests.exchange.made import MADE, split

FOLDERS = sorted(MADE.iterdir())
HELD = {
    "relu": {"saelens", "dictionary_learning", "torch"},
    "topk": {"saelens", "dictionary_learning", "sparsify", "torch"},
    "jumprelu": {"saelens", "dictionary_learning", "torch"},
    "gated": {"saelens", "dictionary_learning", "torch"},
    "pursuit": {"saelens", "torch"},
}
"""How units are selected -> the formats that hold it."""


def imported(checkpoint: Checkpoint) -> Imported:
    cls = ImportedPursuit if checkpoint.config.selection == "pursuit" else Imported
    model = cls(checkpoint.config, checkpoint.config.n_features)
    model.load_state_dict(dict(checkpoint.tensors))
    return model


def outputs(checkpoint: Checkpoint, x: Tensor) -> tuple[Tensor, Tensor]:
    model = imported(checkpoint)
    codes = model.encode(x)
    return codes.dense(), model.decode(codes)


def opened(folder: Path) -> tuple[Checkpoint, dict[str, Tensor]]:
    """What a real library left: its checkpoint as it is imported, and inputs with its codes and reconstructions."""
    with safe_open(folder / "expected.safetensors", framework="pt") as file:
        path = file.metadata()["path"]
    place, options = split(f"{folder}{path}")
    return read(place, options=options), load_file(folder / "expected.safetensors")


def same(got: tuple[Tensor, Tensor], codes: Tensor, x_hat: Tensor) -> None:
    assert codes.any()
    torch.testing.assert_close(got[0], codes, rtol=0, atol=1e-5)
    torch.testing.assert_close(got[1], x_hat, rtol=0, atol=1e-5)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_codes_and_reconstructions_are_those_of_the_library_of_origin(folder: Path) -> None:
    checkpoint, expected = opened(folder)
    same(outputs(checkpoint, expected["x"]), expected["codes"], expected["x_hat"])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_format_that_holds_it_gives_it_back(folder: Path, tmp_path: Path) -> None:
    checkpoint, expected = opened(folder)
    held = set()
    for name in NAMES:
        (tmp_path / name).mkdir()
        try:
            format_of(name).write(checkpoint, tmp_path / name)
        except CheckpointError:
            assert not list((tmp_path / name).iterdir())
            continue
        held.add(name)
        same(outputs(read(tmp_path / name), expected["x"]), expected["codes"], expected["x_hat"])
    assert held == HELD[checkpoint.config.selection] - ({"saelens"} if checkpoint.config.signed else set())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_normalisation_can_be_folded_in(folder: Path) -> None:
    checkpoint, expected = opened(folder)
    pursues = checkpoint.config.selection == "pursuit"
    shift, scale = torch.arange(6.0), torch.tensor(0.5) if pursues else torch.linspace(0.5, 2, 6)
    codes, x_hat = outputs(checkpoint.before_scaling(shift, scale), expected["x"] / scale + shift)
    factor = scale if pursues else 1.0  # atoms of a pursuit keep their norm
    same((codes * factor, (x_hat - shift) * scale), expected["codes"], expected["x_hat"])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_code_of_a_model_card_gives_its_codes(folder: Path, tmp_path: Path) -> None:
    checkpoint, expected = opened(folder)
    format_of("torch").write(checkpoint, tmp_path)
    code = format_of("torch").opening(checkpoint.config).replace("DIR", str(tmp_path))
    found: dict[str, Any] = {"x": expected["x"]}
    exec(code, found)
    same((found["codes"], found["x_hat"]), expected["codes"], expected["x_hat"])


def test_a_scale_beside_a_checkpoint_of_training_is_applied(tmp_path: Path) -> None:
    for name in ("cfg.json", "sae_weights.safetensors"):
        shutil.copy(MADE / "saelens-topk" / name, tmp_path)
    expected = load_file(MADE / "saelens-topk" / "expected.safetensors")
    (tmp_path / "activation_scaler.json").write_text('{"scaling_factor": 4.0}')
    codes, x_hat = outputs(read(tmp_path), expected["x"] / 4)
    same((codes, x_hat * 4), expected["codes"], expected["x_hat"])


def test_a_checkpoint_of_half_precision_is_read_as_single(tmp_path: Path) -> None:
    shutil.copy(MADE / "saelens-topk" / "cfg.json", tmp_path)
    whole = load_file(MADE / "saelens-topk" / "sae_weights.safetensors")
    save_file({name: tensor.bfloat16() for name, tensor in whole.items()}, tmp_path / "sae_weights.safetensors")
    tensors = read(tmp_path).tensors
    assert all(tensor.dtype == torch.float32 for tensor in tensors.values())
    assert torch.equal(tensors["dictionary"], whole["W_dec"].bfloat16().float())


def test_topk_as_it_was_written_before_saelens_6(tmp_path: Path) -> None:
    shutil.copy(MADE / "saelens-topk" / "sae_weights.safetensors", tmp_path)
    old = {"d_in": 6, "d_sae": 16, "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 3}}
    (tmp_path / "cfg.json").write_text(json.dumps(old))
    expected = load_file(MADE / "saelens-topk" / "expected.safetensors")
    same(outputs(read(tmp_path), expected["x"]), expected["codes"], expected["x_hat"])


def test_a_budget_keeps_the_largest() -> None:
    checkpoint, expected = opened(MADE / "saelens-jumprelu")
    codes = imported(checkpoint).encode_with_budget(expected["x"], 2).dense()
    kept, _ = expected["codes"].topk(2, dim=1)
    assert torch.allclose(codes.sort(1, descending=True).values[:, :2], kept, atol=1e-5)
    assert (codes != 0).sum(1).max() == 2


def test_a_pursuit_that_no_library_has_is_refused() -> None:
    model = MatchingPursuit(MatchingPursuitConfig(n_latents=8, k=2, selection="absolute"), 4)
    with pytest.raises(CheckpointError, match="absolute"):
        model.as_checkpoint()


def edited(key: str, value: Any, **more: Any) -> Callable[[Path], None]:
    """Changes fields of the config."""

    def edit(folder: Path) -> None:
        config = json.loads((folder / "cfg.json").read_text())
        (folder / "cfg.json").write_text(json.dumps(config | {key: value} | more))

    return edit


def without(name: str, **more: Tensor) -> Callable[[Path], None]:
    """Leaves out a tensor, and adds others."""

    def edit(folder: Path) -> None:
        tensors = load_file(folder / "sae_weights.safetensors")
        tensors.pop(name, None)
        save_file({**tensors, **more}, folder / "sae_weights.safetensors")

    return edit


def cut(folder: Path) -> None:
    file = folder / "sae_weights.safetensors"
    file.write_bytes(file.read_bytes()[:100])


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (edited("architecture", "temporal"), "'temporal' is not supported; these are: standard, topk"),
        (edited("architecture", ["topk"]), "is not supported; these are: standard, topk"),
        (edited("activation_fn_kwargs", [3], activation_fn="topk"), "does not belong there: 'list'"),
        (edited("activation_fn_str", "tanh-relu"), "'tanh-relu' is not supported; these are: relu, topk"),
        (edited("activation_fn", "relu", activation_fn_str="gelu"), "'gelu' is not supported"),
        (without("W_dec", W_dec=torch.ones(16, 6, dtype=torch.int8)), "'W_dec' is int8, of a scale that is not known"),
        (edited("d_sae", 17), r"'W_dec' has the shape \(16, 6\), where the rest says \(17, 6\)"),
        (edited("d_in", "six"), "d_in = 'six'; expected a whole number"),
        (edited("k", 99), "k = 99 is more than its 16 latents"),
        (edited("normalize_activations", "layer_norm"), "scales each input by itself"),
        (without("b_enc"), "'b_enc' is missing; there are W_dec, W_enc, b_dec"),
        (without("b_enc", b_enc=torch.full((16,), torch.nan)), "encoder_bias holds NaN"),
        (without("", W_skip=torch.zeros(6, 6)), "not understood: W_skip"),
        (cut, "no readable file of tensors"),
        (lambda folder: (folder / "cfg.json").write_text("["), "no readable JSON"),
        (lambda folder: (folder / "cfg.json").write_text("[]"), "holds no JSON object"),
        (lambda folder: (folder / "cfg.json").unlink(), "saelens: cfg.json and sae_weights.safetensors in a folder"),
    ],
)
def test_what_contradicts_itself_is_refused(edit: Callable[[Path], object], words: str, tmp_path: Path) -> None:
    for name in ("cfg.json", "sae_weights.safetensors"):
        shutil.copy(MADE / "saelens-topk" / name, tmp_path)
    edit(tmp_path)
    with pytest.raises(CheckpointError, match=words):
        read(tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "does not say how it selects"),
        ({"k": "many"}, "expected a whole number"),
        ({"threshold": "low"}, "expected a number"),
        ({"top": "3"}, "option 'top' of the format overcomplete: valid are k, threshold"),
    ],
)
def test_what_a_state_dict_does_not_say_is_asked_for(options: dict[str, str], words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        read(MADE / "overcomplete-TopKSAE" / "sae.pt", options=options)


class Code:
    """What a pickle can carry."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("carried-out",)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(MADE / "dictionary_learning-AutoEncoder" / "config.json", tmp_path)
    torch.save({"bias": Code()}, tmp_path / "ae.pt")
    with pytest.raises(CheckpointError, match="can run code"):
        read(tmp_path)
    assert not Path("carried-out").exists()


@pytest.mark.parametrize("factor", ["big", [2], -2.0, 0, float("nan"), 1e400])
def test_a_scale_that_is_none_is_refused(tmp_path: Path, factor: Any) -> None:
    for name in ("cfg.json", "sae_weights.safetensors"):
        shutil.copy(MADE / "saelens-topk" / name, tmp_path)
    (tmp_path / "activation_scaler.json").write_text(json.dumps({"scaling_factor": factor}))
    with pytest.raises(CheckpointError, match=r"scaling_factor = .*; expected a number above 0"):
        read(tmp_path)


def test_codes_of_either_sign_are_refused_where_a_format_had_them(tmp_path: Path) -> None:
    shutil.copytree(MADE / "sparsify-topk", tmp_path, dirs_exist_ok=True)
    edited("signed", True)(tmp_path)
    with pytest.raises(CheckpointError, match="signed = True is not supported"):
        read(tmp_path)


def test_a_class_that_is_no_word_is_refused(tmp_path: Path) -> None:
    shutil.copytree(MADE / "dictionary_learning-AutoEncoderTopK", tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.json").write_text(json.dumps({"trainer": {"dict_class": ["AutoEncoderTopK"]}}))
    with pytest.raises(CheckpointError, match=r"dict_class = \['AutoEncoderTopK'\] is not supported"):
        read(tmp_path)


def test_a_config_of_other_sizes_is_refused(tmp_path: Path) -> None:
    shutil.copytree(MADE / "dictionary_learning-AutoEncoderTopK", tmp_path, dirs_exist_ok=True)
    config = {"trainer": {"dict_class": "AutoEncoderTopK", "k": 5}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"trainer.k = 5, where the tensors say 3"):
        read(tmp_path)
