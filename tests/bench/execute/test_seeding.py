"""Seeds by hashing names: fixed for ever, and another for every purpose."""

from __future__ import annotations

import pytest
import torch

from bench.execute.seeding import derive_seed, random_numbers_kept, seed_everything


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


@pytest.mark.parametrize("works", [True, False])
def test_random_numbers_are_kept_on_all_gpus_that_can_be_used(works: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word, which would be an error here; a driver may show GPUs that do not start."""
    states = {0: "first", 1: "second"}
    monkeypatch.setattr(torch.random, "_fork_rng_warned_already", False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: works)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(states))
    if works:
        monkeypatch.setattr(torch.cuda, "get_rng_state", states.__getitem__)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: states.update({device: state}))
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with random_numbers_kept():
        torch.manual_seed(1)
        states.update({0: "other", 1: "other"} if works else {})
    assert states == {0: "first", 1: "second"}
    assert torch.equal(torch.rand(3), expected)
