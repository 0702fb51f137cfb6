"""Seeds derived by hashing names, so that adding a model or a metric never changes another's stream."""

from __future__ import annotations

import hashlib

import torch


def derive_seed(root: int, *purpose: str) -> int:
    """A 63-bit seed for a purpose, e.g. ``derive_seed(0, "mnist", "batches")``: stable across machines and versions."""
    digest = hashlib.sha256("/".join([str(root), *purpose]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def seed_everything(root: int, *purpose: str) -> None:
    """Seed torch's global generators, on all devices, for a purpose."""
    torch.manual_seed(derive_seed(root, *purpose))
