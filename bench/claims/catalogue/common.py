"""What claims of several papers share."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from bench.claims.verdict import Arm

DIGITS_AND_CLOTHES = ("mnist", "fmnist")
"""The data sets of most of the papers."""

SAE: dict[str, Any] = {"n_latents": 256, "batch_size": 128}
"""Sizes at which sparse autoencoders are compared."""

TOPK = Arm("topk", SAE | {"k": 10})
"""What other sparse autoencoders are compared with."""


def steps(values: list[float]) -> list[float]:
    """Differences between neighbours; all above zero if the values rise at every step."""
    return [after - before for before, after in pairwise(values)]
