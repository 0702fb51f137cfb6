"""Seeds by hashing names: fixed for ever, and another for every purpose."""

from __future__ import annotations

import torch

from bench.execute.seeding import derive_seed, seed_everything


def test_a_seed_is_the_same_on_every_machine_and_in_every_version() -> None:
    assert derive_seed(0, "mnist", "batches") == 3585227729972701814
    assert derive_seed(1, "metric", "fvu") == 8244658268773638096


def test_every_root_and_every_purpose_has_a_seed_of_its_own() -> None:
    seeds = {derive_seed(root, "digits", purpose) for root in range(50) for purpose in ("batches", "noise", "")}
    assert len(seeds) == 150
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_generators_are_seeded_for_a_purpose() -> None:
    def draw(*purpose: str) -> list[float]:
        seed_everything(0, *purpose)
        return torch.rand(3).tolist()

    assert draw("digits", "a") == draw("digits", "a") != draw("digits", "b")
