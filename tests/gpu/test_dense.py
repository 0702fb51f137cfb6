"""What touches all pre-activations, by its kernels on the GPU, beside plain autograd in float64 on the CPU."""

from __future__ import annotations

import pytest
import torch

from models.parts import kernels
from tests.models.parts.test_dense import CASES, SHAPES, check

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("n", "m"), [*SHAPES, (256, 16384)])
def test_values_and_gradients_are_those_of_the_formula(name: str, n: int, m: int) -> None:
    check(name, n, m, torch.zeros((), device="cuda"), 1e-3, 1e-4)
    assert not kernels.problems
