"""Weights on disk: safetensors that say which run and which schema they are of, and the way back into a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.store.files import no_permission, require_regular
from bench.store.record import READABLE_SCHEMAS, SCHEMA_VERSION

if TYPE_CHECKING:
    from torch import Tensor

    from models.base import Model

MOST_BYTES = 64 * 2**30
FACTS = "run"
"""The one key of the metadata: safetensors keeps several in another order each time, and equal weights are to have
equal bytes."""
AGAIN = "Train the run again with --force, or restore the file."


def write_weights(path: Path, weights: Mapping[str, Tensor], run_id: str) -> None:
    """Write tensors as safetensors, with the run and the schema as metadata."""
    from safetensors.torch import save_file

    # Clones, since safetensors refuses tensors that share memory, as tied weights do.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    save_file(tensors, path, metadata={FACTS: f"{run_id} {SCHEMA_VERSION}"})


def read_weights(path: Path, run_id: str) -> dict[str, Tensor]:
    """The tensors of a run. BenchError where the file is missing, damaged, closed to this user, or of another run."""
    from safetensors import SafetensorError, safe_open

    try:
        require_regular(path, MOST_BYTES)
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except PermissionError as error:
        raise BenchError(f"The weights {no_permission(path)}") from error
    except (OSError, SafetensorError) as error:
        raise BenchError(f"The weights '{path}' cannot be read ({error}). {AGAIN}") from error
    if FACTS in metadata:  # earlier versions had a key for each
        metadata = dict(zip(("run_id", "schema"), metadata[FACTS].split(" "), strict=False))
    for key, valid in {"run_id": (run_id,), "schema": tuple(map(str, READABLE_SCHEMAS))}.items():
        if (found := metadata.get(key)) not in valid:
            raise BenchError(f"The weights '{path}' have {key} = {found!r}, expected {' or '.join(valid)}. {AGAIN}")
    return weights


def restore(model: Model, weights: dict[str, Tensor], source: str) -> None:
    """Copy finite weights into a model of the same kind and size. BenchError that names every tensor that does not."""
    expected, found = ({name: _kind(t) for name, t in state.items()} for state in (model.state_dict(), weights))
    problems = [f"{name} is missing" for name in expected.keys() - found.keys()]
    problems += [f"{name} is not part of it" for name in found.keys() - expected.keys()]
    shared = expected.keys() & found.keys()
    problems += [
        f"{name} is {found[name]}, expected {expected[name]}" for name in shared if found[name] != expected[name]
    ]
    problems += [f"{name} holds NaN or infinities" for name, tensor in weights.items() if not tensor.isfinite().all()]
    if problems:
        raise BenchError(f"{source} do not fit {type(model).__name__}: {'; '.join(sorted(problems))}.")
    model.load_state_dict(weights)


def _kind(tensor: Tensor) -> str:
    """'float32 of shape (8, 6)'."""
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
