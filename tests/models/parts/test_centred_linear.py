"""A layer of centred inputs: its gradients, what they cost, and in which precision they are computed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from models.parts.centred_linear import centred_linear
from models.parts.hardware import products_in


def layer(dtype: torch.dtype) -> list[Tensor]:
    """x, W, b and c."""
    shapes = (64, 30), (48, 30), (48,), (30,)
    return [torch.randn(*shape, dtype=dtype, requires_grad=True) for shape in shapes]


def test_gradients_of_a_centred_layer_are_those_of_autograd() -> None:
    x, weight, bias, centre = layer(torch.float64)
    upstream = torch.randn(64, 48, dtype=torch.float64)
    ours, plain = centred_linear(x, weight, bias, centre), (x - centre) @ weight.T + bias
    torch.testing.assert_close(ours, plain)
    grads = [torch.autograd.grad((y * upstream).sum(), [x, weight, bias, centre]) for y in (ours, plain)]
    torch.testing.assert_close(*grads, rtol=1e-12, atol=1e-12)


def test_a_centred_layer_takes_one_product_forward_and_one_back() -> None:
    x, *parameters = layer(torch.float32)
    with FlopCounterMode(display=False) as counter:
        centred_linear(x.detach(), *parameters).sum().backward()
    product = 2 * 64 * 48 * 30
    assert 2 * product <= counter.get_total_flops() < 2.1 * product


def test_both_products_of_a_centred_layer_are_coarse_if_asked() -> None:
    x, *parameters = (tensor.detach().requires_grad_(i > 0) for i, tensor in enumerate(layer(torch.float32)))
    upstream = torch.randn(64, 48)
    with products_in("bf16"):
        y = centred_linear(x, *parameters)
        grads = torch.autograd.grad((y * upstream).sum(), parameters)
    weight, bias, centre = parameters
    rounded = [t.bfloat16().double() for t in (x - centre, weight, upstream)]
    torch.testing.assert_close((y - bias).double(), rounded[0] @ rounded[1].T, rtol=2**-8, atol=1e-4)
    torch.testing.assert_close(grads[0].double(), rounded[2].T @ rounded[0], rtol=2**-8, atol=1e-4)
    torch.testing.assert_close(grads[2], -(upstream.sum(0) @ weight))
