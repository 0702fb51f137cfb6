"""Seeds derived by hashing names, so that adding a model or a metric never changes another's stream."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager

import torch


def derive_seed(root: int, *purpose: str) -> int:
    """A 63-bit seed for a purpose, e.g. ``derive_seed(0, "mnist", "batches")``: stable across machines and versions."""
    digest = hashlib.sha256("/".join([str(root), *purpose]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def seed_everything(root: int, *purpose: str) -> None:
    """Seed torch's global generators, on all devices, for a purpose."""
    torch.manual_seed(derive_seed(root, *purpose))


def random_numbers_kept() -> AbstractContextManager[None]:
    """A context after which torch's global generators, on all devices, are where they were.

    Of the devices that can be used: torch's own choice warns of several, and fails on a GPU that does not start.
    """
    return torch.random.fork_rng(range(torch.cuda.device_count()) if torch.cuda.is_available() else ())
