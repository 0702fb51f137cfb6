"""Files for other libraries: tensors, and a config in JSON beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor


def write_files(config: Path, content: Mapping[str, Any], weights: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a config and a file of tensors: safetensors by its name, else what torch.save writes of a state dict."""
    own = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    if weights.suffix == ".safetensors":
        save_file(own, weights)
    else:
        torch.save(own, weights)
    write_config(config, content)


def write_config(path: Path, content: Mapping[str, Any]) -> None:
    """Write a config as JSON."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
