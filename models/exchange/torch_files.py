"""torch: a folder with checkpoint.json and checkpoint.safetensors, which holds every checkpoint as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from models.exchange.checkpoint import SHAPES, TENSORS, Checkpoint, CheckpointError
from models.exchange.format import INPUTS, Format
from models.exchange.reading import number, read_config, read_tensors
from models.exchange.torch_code import code_of
from models.exchange.writing import write_files

CONFIG, WEIGHTS = "checkpoint.json", "checkpoint.safetensors"
READ_APART = ("selection", "n_latents", "n_features", INPUTS)
"""Keys of the config that are no further hyperparameter."""


def _read(paths: Sequence[Path], options: Mapping[str, str]) -> Checkpoint:
    config, weights = read_config(paths[0]), read_tensors(paths[1])
    sizes = {"M": number(config, "n_latents"), "D": number(config, "n_features")}
    selection = config.get("selection")
    if selection not in TENSORS:
        raise CheckpointError(f"selection = {selection!r}; valid are {', '.join(TENSORS)}")
    tensors = {name: weights.take(name, *(sizes[size] for size in SHAPES[name])) for name in TENSORS[selection]}
    weights.done()
    how = {key: value for key, value in config.items() if key not in READ_APART}
    return Checkpoint.of(selection, tensors, **how)


def _write(checkpoint: Checkpoint, folder: Path) -> None:
    write_files(folder / CONFIG, checkpoint.config.model_dump(), folder / WEIGHTS, checkpoint.tensors)


FORMAT = Format(
    "torch",
    (CONFIG, WEIGHTS),
    _read,
    _write,
    opening=code_of,
)
