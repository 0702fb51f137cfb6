"""dictionary_learning: a folder with ae.pt, a state dict, and config.json, which names its class.

As that library does on loading, an AutoEncoder is given atoms of unit norm, and its codes their norms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.exchange.checkpoint import Checkpoint, CheckpointError
from models.exchange.format import Format
from models.exchange.reading import Weights, read_config, read_tensors
from models.exchange.writing import write_files

CONFIG, WEIGHTS = "config.json", "ae.pt"


def _linear(weights: Weights, centre: str) -> dict[str, Tensor]:
    """The tensors of classes with an `encoder` and a `decoder`; `centre` is the bias that they take from inputs."""
    encoder = weights.take("encoder.weight", None, None)
    m, d = encoder.shape
    bias = weights.take(centre, d)
    dictionary = weights.take("decoder.weight", d, m).T
    return {"encoder": encoder, "dictionary": dictionary, "bias": bias, "centre": bias}


def _autoencoder(weights: Weights) -> Checkpoint:
    tensors = _linear(weights, "bias")
    norms = tensors["dictionary"].norm(dim=1)
    tensors["encoder_bias"] = weights.take("encoder.bias", len(norms)) * norms
    tensors["encoder"] = tensors["encoder"] * norms[:, None]
    tensors["dictionary"] = tensors["dictionary"] / norms[:, None]
    return Checkpoint.of("relu", tensors)


def _autoencoder_new(weights: Weights) -> Checkpoint:
    tensors = _linear(weights, "decoder.bias")
    tensors["encoder_bias"] = weights.take("encoder.bias", len(tensors["encoder"]))
    return Checkpoint.of("relu", tensors | {"centre": torch.zeros_like(tensors["bias"])})


def _gated(weights: Weights) -> Checkpoint:
    tensors = _linear(weights, "decoder_bias")
    m = len(tensors["encoder"])
    tensors |= {"gain": weights.take("r_mag", m).exp(), "magnitude_bias": weights.take("mag_bias", m)}
    return Checkpoint.of("gated", tensors | {"encoder_bias": weights.take("gate_bias", m)})


def _topk(weights: Weights) -> Checkpoint:
    tensors = _linear(weights, "b_dec")
    tensors["encoder_bias"] = weights.take("encoder.bias", len(tensors["encoder"]))
    if "threshold" in weights:
        weights.take("threshold")  # of another way to encode, which is not its default
    return Checkpoint.of("topk", tensors, k=int(weights.take("k")))


def _batch_topk(weights: Weights) -> Checkpoint:
    tensors = _linear(weights, "b_dec")
    m = len(tensors["encoder"])
    tensors |= {"encoder_bias": weights.take("encoder.bias", m), "threshold": weights.take("threshold").expand(m)}
    weights.take("k")
    return Checkpoint.of("jumprelu", tensors)


def _plain(weights: Weights) -> dict[str, Tensor]:
    """The tensors of classes whose weights are parameters of their own."""
    dictionary = weights.take("W_dec", None, None)
    m, d = dictionary.shape
    tensors = {"encoder": weights.take("W_enc", d, m).T, "encoder_bias": weights.take("b_enc", m)}
    return tensors | {"dictionary": dictionary, "bias": weights.take("b_dec", d)}


def _matryoshka(weights: Weights) -> Checkpoint:
    tensors = _plain(weights)
    threshold = weights.take("threshold").expand(len(tensors["encoder"]))
    for name, shape in {"k": (), "group_sizes": (None,)}.items():
        weights.skip(name, *shape)
    return Checkpoint.of("jumprelu", tensors | {"centre": tensors["bias"], "threshold": threshold})


def _jumprelu(weights: Weights) -> Checkpoint:
    tensors = _plain(weights)
    threshold = weights.take("threshold", len(tensors["encoder"]))
    return Checkpoint.of("jumprelu", tensors | {"centre": torch.zeros_like(tensors["bias"]), "threshold": threshold})


CLASSES = {
    "AutoEncoder": _autoencoder,
    "AutoEncoderNew": _autoencoder_new,
    "GatedAutoEncoder": _gated,
    "AutoEncoderTopK": _topk,
    "BatchTopKSAE": _batch_topk,
    "MatryoshkaBatchTopKSAE": _matryoshka,
    "JumpReluAutoEncoder": _jumprelu,
}
"""Class of the library -> how its tensors are read."""


def _read(paths: Sequence[Path], options: Mapping[str, str]) -> Checkpoint:
    config, weights = read_config(paths[0]), read_tensors(paths[1])
    trainer = config.get("trainer")
    trainer = trainer if isinstance(trainer, dict) else {}
    name = trainer.get("dict_class")
    if not isinstance(name, str) or name not in CLASSES:
        raise CheckpointError(f"trainer.dict_class = {name!r} is not supported; these are: {', '.join(CLASSES)}")
    checkpoint = CLASSES[name](weights)
    weights.done()
    sizes = {"activation_dim": checkpoint.config.n_features, "dict_size": checkpoint.config.n_latents}
    if checkpoint.config.selection == "topk":
        sizes["k"] = checkpoint.config.k or 0
    for key, found in sizes.items():
        if trainer.get(key, found) != found:
            raise CheckpointError(f"the config has trainer.{key} = {trainer[key]!r}, where the tensors say {found}")
    return checkpoint


def _write(checkpoint: Checkpoint, folder: Path) -> None:
    config = checkpoint.config
    if config.selection == "pursuit":
        raise CheckpointError("dictionary_learning has no matching pursuit; write the format saelens or torch")
    free = config.selection in ("relu", "jumprelu")  # classes that take nothing from their inputs
    old = checkpoint.centred_on(checkpoint.tensors["bias"] * (0 if free else 1)).tensors
    linear = {"encoder.weight": old["encoder"], "decoder.weight": old["dictionary"].T}
    name, tensors = {
        "relu": lambda: (
            "AutoEncoderNew",
            linear | {"encoder.bias": old["encoder_bias"], "decoder.bias": old["bias"]},
        ),
        "topk": lambda: (
            "AutoEncoderTopK",
            linear
            | {"encoder.bias": old["encoder_bias"], "b_dec": old["bias"]}
            | {"k": torch.tensor(config.k, dtype=torch.int), "threshold": torch.tensor(-1.0)},
        ),
        "jumprelu": lambda: (
            "JumpReluAutoEncoder",
            {"W_enc": old["encoder"].T, "b_enc": old["encoder_bias"], "threshold": old["threshold"]}
            | {"W_dec": old["dictionary"], "b_dec": old["bias"]},
        ),
        "gated": lambda: (
            "GatedAutoEncoder",
            linear
            | {"decoder_bias": old["bias"], "r_mag": old["gain"].log()}
            | {"gate_bias": old["encoder_bias"], "mag_bias": old["magnitude_bias"]},
        ),
    }[config.selection]()
    trainer: dict[str, Any] = {"dict_class": name, "activation_dim": config.n_features, "dict_size": config.n_latents}
    if config.k is not None:
        trainer["k"] = config.k
    write_files(folder / CONFIG, {"trainer": trainer}, folder / WEIGHTS, tensors)


FORMAT = Format(
    "dictionary_learning",
    (CONFIG, WEIGHTS),
    _read,
    _write,
    opening=lambda config: (
        "from dictionary_learning.utils import load_dictionary\n\n"
        'sae, config = load_dictionary("DIR", device="cpu")\ncodes = sae.encode(x)'
    ),
)
