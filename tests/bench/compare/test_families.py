"""What kind of model a run is of: a built-in's file says so, and a legend of other people's models."""

from __future__ import annotations

import pytest

from bench.compare.families import family_of
from bench.store.legend import Legend
from tests.bench.compare.test_boards import record


@pytest.mark.parametrize(
    ("reference", "code", "family"),
    [
        ("models.topk:TopK", None, "SAE family"),
        ("models.vae:VAE", None, "VAE family"),
        ("models.removed:Model", None, "what its legend says"),
        ("models.topk:TopK", "a" * 64, "what its legend says"),
    ],
)
def test_a_built_in_is_of_the_family_that_its_file_states(reference: str, code: str | None, family: str) -> None:
    run = record("any", 0, 1.0, model_reference=reference, code=code)
    assert family_of(run, Legend(family="what its legend says")) == family
