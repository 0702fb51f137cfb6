"""Weights on disk: safetensors that say which run and which schema they are of, and the way back into a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.spec import SCHEMA_VERSION

if TYPE_CHECKING:
    from torch import Tensor

    from models.base import Model

AGAIN = "Train the run again with --force, or restore the file."


def write_weights(path: Path, weights: dict[str, Tensor], run_id: str) -> None:
    """Write tensors as safetensors, with the run and the schema as metadata."""
    from safetensors.torch import save_file

    # Clones, since safetensors refuses tensors that share memory, as tied weights do.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    save_file(tensors, path, metadata={"run_id": run_id, "schema": str(SCHEMA_VERSION)})


def read_weights(path: Path, run_id: str) -> dict[str, Tensor]:
    """The tensors of a run. BenchError where the file is missing, damaged, of another run or of another schema."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        raise BenchError(f"The weights '{path}' cannot be read ({error}). {AGAIN}") from error
    found = {"run_id": metadata.get("run_id"), "schema": metadata.get("schema")}
    for key, expected in {"run_id": run_id, "schema": str(SCHEMA_VERSION)}.items():
        if found[key] != expected:
            raise BenchError(f"The weights '{path}' have {key} = {found[key]!r}, expected {expected!r}. {AGAIN}")
    return weights


def restore(model: Model, weights: dict[str, Tensor], source: str) -> None:
    """Copy weights into a model of the same kind and size. BenchError that names every tensor that does not fit."""
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    problems = [f"{name} is missing" for name in expected.keys() - found.keys()]
    problems += [f"{name} is not part of it" for name in found.keys() - expected.keys()]
    problems += [
        f"{name} has the shape {found[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    if problems:
        raise BenchError(f"{source} do not fit {type(model).__name__}: {'; '.join(sorted(problems))}.")
    model.load_state_dict(weights)
