"""SAELens: a folder with cfg.json and sae_weights.safetensors.

BatchTopK, which SAELens itself writes as jumprelu, is read from a training checkpoint too. Where activations are
rescaled by the norms of the decoder, these are folded into the weights; so is the scale of activations that a training
checkpoint has beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.exchange.checkpoint import Checkpoint, CheckpointError
from models.exchange.format import Format
from models.exchange.reading import Weights, number, read_config, read_tensors
from models.exchange.writing import write_files

CONFIG, WEIGHTS, SCALER = "cfg.json", "sae_weights.safetensors", "activation_scaler.json"
ARCHITECTURES = {
    "standard": "relu",
    "topk": "topk",
    "jumprelu": "jumprelu",
    "gated": "gated",
    "batchtopk": "jumprelu",
    "matryoshka_batchtopk": "jumprelu",
    "matching_pursuit": "pursuit",
}
"""Those that are read -> how they select."""
SCALED = ("none", "expected_average_only_in")
"""Ways of scaling inputs that are one factor for all."""


def _read(paths: Sequence[Path], options: Mapping[str, str]) -> Checkpoint:
    config, weights = read_config(paths[0]), read_tensors(paths[1])
    architecture = str(config.get("architecture") or "standard")
    given = [config[key] for key in ("activation_fn", "activation_fn_str") if config.get(key)]  # before SAELens 6
    if unknown := [activation for activation in given if activation not in ("relu", "topk")]:
        raise CheckpointError(f"the activation function {unknown[0]!r:.80} is not supported; these are: relu, topk")
    if "topk" in given:
        architecture, config = "topk", {**(config.get("activation_fn_kwargs") or {}), **config}
    if architecture not in ARCHITECTURES:
        raise CheckpointError(
            f"the architecture '{architecture}' is not supported; these are: {', '.join(ARCHITECTURES)}"
        )
    if (scaling := config.get("normalize_activations") or "none") not in SCALED:
        raise CheckpointError(
            f"normalize_activations = '{scaling}' scales each input by itself, so that codes alone do not give the "
            f"reconstruction; supported are {', '.join(SCALED)}"
        )
    m, d = number(config, "d_sae"), number(config, "d_in")
    own = config.get("apply_b_dec_to_input", True)
    tensors = {"dictionary": weights.take("W_dec", m, d), "bias": weights.take("b_dec", d)}
    tensors["centre"] = tensors["bias"] if own else torch.zeros(d)
    selection = ARCHITECTURES[architecture]
    how: dict[str, Any] = {}
    if selection == "pursuit":
        tensors["bias"] = tensors["centre"]  # which is not added where it was not taken away
        how = {
            "k": config.get("max_iterations") or d,
            "stop_norm": config.get("residual_threshold", 1e-2),
            "stop_on_repeat": config.get("stop_on_duplicate_support", True),
        }
    else:
        tensors |= _encoder(weights, selection, m, d)
        how = {"k": number(config, "k")} if selection == "topk" else {}
        if config.get("rescale_acts_by_decoder_norm"):
            norms = tensors["dictionary"].norm(dim=1)
            tensors["encoder"] = tensors["encoder"] * norms[:, None]
            tensors["encoder_bias"] = tensors["encoder_bias"] * norms
            tensors["dictionary"] = tensors["dictionary"] / norms[:, None]
    weights.done()
    checkpoint = Checkpoint.of(selection, tensors, **how)
    scaler = paths[0].with_name(SCALER)
    factor = read_config(scaler).get("scaling_factor") if scaler.is_file() else None
    if factor is None:
        return checkpoint
    if type(factor) not in (int, float) or not 0 < factor < float("inf"):
        raise CheckpointError(f"{SCALER} has scaling_factor = {factor!r}; expected a number above 0, or null")
    return checkpoint.before_scaling(0.0, float(factor))


def _encoder(weights: Weights, selection: str, m: int, d: int) -> dict[str, Tensor]:
    """The tensors of a linear encoder."""
    tensors = {"encoder": weights.take("W_enc", d, m).T}
    if selection == "gated":
        tensors["encoder_bias"], tensors["magnitude_bias"] = weights.take("b_gate", m), weights.take("b_mag", m)
        tensors["gain"] = weights.take("r_mag", m).exp()
        return tensors
    tensors["encoder_bias"] = weights.take("b_enc", m)
    if selection == "jumprelu" and "topk_threshold" in weights:
        tensors["threshold"] = weights.take("topk_threshold").expand(m)
    elif selection == "jumprelu" and "log_threshold" in weights:
        tensors["threshold"] = weights.take("log_threshold", m).exp()
    elif selection == "jumprelu":
        tensors["threshold"] = weights.take("threshold", m)
    return tensors


NAMES = {value: key for key, value in reversed(ARCHITECTURES.items())}
"""How units are selected -> the architecture that is written."""


def _write(checkpoint: Checkpoint, folder: Path) -> None:
    config, old = checkpoint.config, checkpoint.tensors
    if config.signed:
        raise CheckpointError("SAELens's matching pursuit has no negative coefficients; write the format torch")
    own = config.selection == "pursuit" or bool((old["centre"] == old["bias"]).all())
    old = checkpoint.centred_on(old["bias"] if own else torch.zeros_like(old["bias"])).tensors
    tensors = {"W_dec": old["dictionary"], "b_dec": old["bias"]}
    if config.selection != "pursuit":
        tensors["W_enc"] = old["encoder"].T
        tensors["b_gate" if config.selection == "gated" else "b_enc"] = old["encoder_bias"]
    if config.selection == "gated":
        tensors |= {"r_mag": old["gain"].log(), "b_mag": old["magnitude_bias"]}
    if config.selection == "jumprelu":
        tensors["threshold"] = old["threshold"]
    content: dict[str, Any] = {
        "architecture": NAMES[config.selection],
        "d_in": config.n_features,
        "d_sae": config.n_latents,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": own,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"sae_lens_version": "6.0.0"},
    }
    if config.selection == "topk":
        content |= {"k": config.k, "rescale_acts_by_decoder_norm": False}
    if config.selection == "pursuit":
        content |= {"max_iterations": config.k, "residual_threshold": config.stop_norm}
        content["stop_on_duplicate_support"] = config.stop_on_repeat
    write_files(folder / CONFIG, content, folder / WEIGHTS, tensors)


FORMAT = Format(
    "saelens",
    (CONFIG, WEIGHTS),
    _read,
    _write,
    opening=lambda config: 'from sae_lens import SAE\n\nsae = SAE.load_from_disk("DIR")\ncodes = sae.encode(x)',
)
