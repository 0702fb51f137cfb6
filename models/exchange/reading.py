"""Files of other libraries, which are anybody's: JSON and tensors, read with bounds, and without running anything."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.exchange.checkpoint import CheckpointError

MOST_BYTES = 2**24
"""Of a config."""


def read_config(path: Path) -> dict[str, Any]:
    """The object in a JSON file. CheckpointError where there is none."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CheckpointError(f"{path.name} is too large for a config ({path.stat().st_size:,} bytes)")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path.name} is no readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path.name} holds no JSON object")
    return content


def read_tensors(path: Path) -> Weights:
    """The tensors of a file: safetensors, or what torch.save wrote. CheckpointError; a pickle with code is refused."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return Weights(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path.name} is damaged, or holds more than tensors, which is refused, since it can run code. Save the "
            "state dict alone: torch.save(model.state_dict(), path)"
        ) from error
    except Exception as error:  # a damaged file fails in many ways
        words = str(error)[:300] or type(error).__name__
        raise CheckpointError(f"{path.name} is no readable file of tensors: {words}") from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise CheckpointError(f"{path.name} holds no state dict, from names to tensors")
    return Weights(content)


class Weights:
    """The tensors of a checkpoint, taken one by one, so that none that would matter is overlooked."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._left, self._names = dict(tensors), sorted(tensors)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str, *shape: int | None) -> Tensor:
        """A tensor in float32, whatever floating-point type it has. CheckpointError where it is missing or unlike that.

        Single numbers may be whole ones. Arrays of them are quantised weights, by a scale that is not known.
        """
        tensor = self.skip(name, *shape)
        if tensor.dim() and not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise CheckpointError(
                f"'{name}' is {kind}, of a scale that is not known; save it as floating-point numbers"
            )
        return tensor.float()

    def skip(self, name: str, *shape: int | None) -> Tensor:
        """A tensor as it is, such as one that says nothing. CheckpointError where it is missing or of another shape."""
        if name not in self._left:
            raise CheckpointError(f"the tensor '{name}' is missing; there are {', '.join(self._names) or 'none'}")
        tensor = self._left.pop(name)
        fits = tensor.dim() == len(shape) and all(n in (None, m) for n, m in zip(shape, tensor.shape, strict=True))
        if not fits:
            raise CheckpointError(f"'{name}' has the shape {tuple(tensor.shape)}, where the rest says {shape}")
        return tensor

    def done(self) -> None:
        """CheckpointError where tensors are left: what they do is not known."""
        if self._left:
            raise CheckpointError(f"it has tensors that are not understood: {', '.join(sorted(self._left))}")


def number(config: Mapping[str, Any], key: str) -> int:
    """A whole number of a config, at least 1. CheckpointError where there is none."""
    value = config.get(key)
    if type(value) is not int or value < 1:
        raise CheckpointError(f"the config has {key} = {value!r}; expected a whole number, 1 or more")
    return value
