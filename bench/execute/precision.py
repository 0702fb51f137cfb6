"""Whether a device computes in the precision that a run asks for."""

from __future__ import annotations

import torch

from bench.errors import BenchError

LEAST = (8, 0)
"""Compute capability of the first GPUs with TF32 and bf16 (Ampere)."""


def require_precision(precision: str, device: str) -> None:
    """BenchError where matrix products in a precision of `bench.store.spec.Precision` are not for a device."""
    if precision == "float32":
        return
    if device == "cpu":
        raise BenchError(f"--precision {precision}: a CPU computes in float32; leave it out, or use --device cuda.")
    major, minor = torch.cuda.get_device_capability(device)
    if (major, minor) < LEAST:
        raise BenchError(
            f"--precision {precision}: {torch.cuda.get_device_name(device)} has neither TF32 nor bf16 (its compute "
            f"capability is {major}.{minor}, the least is {LEAST[0]}.{LEAST[1]}); leave it out, or use a newer GPU."
        )
