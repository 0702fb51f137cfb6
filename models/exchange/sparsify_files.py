"""sparsify: a folder with cfg.json and sae.safetensors. TopK alone; transcoders are no autoencoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from models.exchange.checkpoint import Checkpoint, CheckpointError
from models.exchange.format import Format
from models.exchange.reading import number, read_config, read_tensors
from models.exchange.writing import write_files

CONFIG, WEIGHTS = "cfg.json", "sae.safetensors"
SUPPORTED = {"activation": "topk", "transcode": False, "skip_connection": False, "signed": False}
"""What a config may say; early releases could select by magnitude (`signed`)."""


def _read(paths: Sequence[Path], options: Mapping[str, str]) -> Checkpoint:
    config, weights = read_config(paths[0]), read_tensors(paths[1])
    for key, valid in SUPPORTED.items():
        if config.get(key, valid) != valid:
            raise CheckpointError(f"{key} = {config[key]!r} is not supported; {valid!r} is")
    d = number(config, "d_in")
    m = config.get("num_latents") or d * number(config, "expansion_factor")
    bias = weights.take("b_dec", d)
    tensors = {
        "encoder": weights.take("encoder.weight", m, d),
        "encoder_bias": weights.take("encoder.bias", m),
        "dictionary": weights.take("W_dec", m, d),
        "bias": bias,
        "centre": bias,
    }
    weights.done()
    return Checkpoint.of("topk", tensors, k=number(config, "k"))


def _write(checkpoint: Checkpoint, folder: Path) -> None:
    config = checkpoint.config
    if config.selection != "topk":
        raise CheckpointError(f"sparsify has TopK alone, not {config.selection}; write the format saelens or torch")
    old = checkpoint.centred_on(checkpoint.tensors["bias"]).tensors
    tensors = {
        "encoder.weight": old["encoder"],
        "encoder.bias": old["encoder_bias"],
        "W_dec": old["dictionary"],
        "b_dec": old["bias"],
    }
    content = {"activation": "topk", "num_latents": config.n_latents, "k": config.k, "d_in": config.n_features}
    content |= {"normalize_decoder": True, "transcode": False, "skip_connection": False, "multi_topk": False}
    write_files(folder / CONFIG, content, folder / WEIGHTS, tensors)


FORMAT = Format(
    "sparsify",
    (CONFIG, WEIGHTS),
    _read,
    _write,
    opening=lambda config: (
        'from sparsify import SparseCoder\n\nsae = SparseCoder.load_from_disk("DIR")\n'
        "values, indices, _ = sae.encode(x)"
    ),
)
