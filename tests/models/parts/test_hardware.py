"""Coarser products: of encoders and Gram matrices alone, in tensors that stay float32, off by their rounding."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.plugins.loading import load_model_class
from bench.plugins.registry import MODEL_REGISTRY
from models.parts.hardware import linear, products_are_exact, products_in
from models.parts.pursuit import gram_matrix

N, D, M = 64, 30, 48
ROUNDING = 2.0**-8
"""The largest relative error of a number that bfloat16 stores, with one bit of reserve."""


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    noise = torch.Generator().manual_seed(0)
    return tuple(torch.randn(*shape, generator=noise) for shape in ((N, D), (M, D), (M,)))  # type: ignore[return-value]


def test_a_product_in_bf16_is_that_of_rounded_factors() -> None:
    x, weight, bias = inputs()
    with products_in("bf16"):
        product = linear(x, weight, bias)
    rounded = x.bfloat16().double() @ weight.bfloat16().double().T
    assert product.dtype == torch.float32
    assert ((product - bias - rounded).abs() <= ROUNDING * rounded.abs() + 1e-5).all()
    exact = x.double() @ weight.double().T + bias
    bound = 3 * ROUNDING * x.abs().double() @ weight.abs().double().T
    assert ((product - exact).abs() <= bound).all()
    assert (product - exact).abs().max() > 1e-3
    assert torch.equal(linear(x, weight, bias), torch.nn.functional.linear(x, weight, bias))


def test_a_gram_matrix_in_bf16_is_symmetric_and_float32() -> None:
    atoms = torch.nn.functional.normalize(inputs()[1], dim=1)
    with products_in("bf16"):
        gram = gram_matrix(atoms)
    assert gram.dtype == torch.float32
    assert torch.equal(gram, gram.T)
    assert 0 < (gram - gram_matrix(atoms)).abs().max() <= 3 * ROUNDING


LINEAR = ["topk", "topk-l1", "hierarchical-topk", "abstopk", "batchtopk", "relu", "gated", "jumprelu", "vsae"]


@pytest.mark.parametrize("name", [*LINEAR, "mp", "omp", "vae", "vsc"])
def test_a_step_in_bf16_is_that_in_float32_but_for_rounding(name: str) -> None:
    cls = load_model_class(MODEL_REGISTRY.find(name))
    sizes = {"n_latents": M, "batch_size": N, "hidden": 16, "k": 4, "auxk": 8}
    config = cls.Config(**{field: size for field, size in sizes.items() if field in cls.Config.model_fields})
    x = torch.rand(N, D, generator=torch.Generator().manual_seed(1))
    losses, gradients = [], []
    for precision in ("float32", "bf16", "float32"):
        torch.manual_seed(0)
        model = cls(config, D).train()
        model.prepare(x, torch.zeros(N, dtype=torch.int64))
        with products_in(precision):
            total = model.loss(x, torch.zeros(N, dtype=torch.int64), 1.0).total
            total.backward()
        assert total.dtype == torch.float32
        assert all(p.grad is None or p.grad.dtype == torch.float32 for p in model.parameters())
        losses.append(total.item())
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert losses[2] == losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert torch.cosine_similarity(gradients[0], gradients[1], dim=0) > 0.97


def test_tf32_is_allowed_in_training_alone() -> None:
    before = torch.get_float32_matmul_precision()
    with products_in("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
@pytest.mark.parametrize("before", ["highest", "high", "medium"])
def test_what_else_is_set_does_not_count(before: str, precision: str) -> None:
    """A plug-in, a user or the environment of a container may have allowed TF32 for all."""
    torch.set_float32_matmul_precision(before)
    try:
        with products_in(precision):
            assert torch.get_float32_matmul_precision() == ("high" if precision == "tf32" else "highest")
            assert products_are_exact() == (precision == "float32")
        assert torch.get_float32_matmul_precision() == before
    finally:
        torch.set_float32_matmul_precision("highest")


def test_settings_that_contradict_each_other_do_not_count() -> None:
    if not hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        pytest.skip("this torch has one way to set it")
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.fp32_precision = "tf32"  # as a plug-in may when it is imported
    try:
        with products_in("float32"):
            assert products_are_exact()
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
    finally:
        torch.set_float32_matmul_precision("highest")
