"""What touches all pre-activations: values and gradients are those that autograd finds for the plain formulas."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor

from models.parts.activation_sums import activation_sums
from models.parts.jump import jump
from models.parts.noisy_topk import noisy_top_k

SHAPES = [(1, 1), (5, 37), (33, 130), (3, 2100)]
"""N and M: with M that is no power of two, and that takes more than one program."""

Formula = Callable[[dict[str, Tensor]], tuple[Tensor, ...]]
K, BANDWIDTH = 4, 0.3


def inputs(n: int, m: int, *names: str) -> dict[str, Tensor]:
    """Float32 numbers for the names; pre-activations with zeros, log-variances outside of their range too."""
    noise = torch.Generator().manual_seed(n + m)
    drawn = {name: torch.randn(n, m, generator=noise) for name in ("pre", "noise", "log_variance")}
    drawn["pre"][0, :2] = 0
    drawn["log_variance"] *= 4
    drawn["theta"] = 0.05 + 0.3 * torch.rand(m, generator=noise)
    drawn["mask"] = (torch.rand(m, generator=noise) < 0.7).float()
    return {name: drawn[name] for name in names}


def scattered(pre: Tensor, indices: Tensor, values: Tensor) -> Tensor:
    return torch.zeros_like(pre).scatter(1, indices, values)


def sums(t: dict[str, Tensor]) -> tuple[Tensor, ...]:
    indices = t["pre"].detach().topk(min(K, t["pre"].shape[1]), dim=1).indices
    found = activation_sums(t["pre"], indices, t.get("mask"))
    return found.l1, found.squares, scattered(t["pre"], indices, found.selected)


def plain_sums(t: dict[str, Tensor]) -> tuple[Tensor, ...]:
    a = t["pre"].relu()
    indices = a.detach().topk(min(K, a.shape[1]), dim=1).indices
    penalised = a * t.get("mask", torch.ones_like(a))
    return penalised.sum(1), penalised.square().sum(1), scattered(a, indices, a.gather(1, indices))


def noisy(t: dict[str, Tensor]) -> tuple[Tensor, ...]:
    code = noisy_top_k(t["pre"], t.get("log_variance"), t.get("noise"), min(K, t["pre"].shape[1]))
    return scattered(t["pre"], code.indices, code.values), code.kl


def plain_noisy(t: dict[str, Tensor]) -> tuple[Tensor, ...]:
    mu = z = t["pre"].relu()
    kl = 0.5 * mu.square()
    if "log_variance" in t:
        log_variance = t["log_variance"].clamp(-6, 2)
        kl = kl + 0.5 * (log_variance.exp() - 1 - log_variance)
        z = mu + log_variance.mul(0.5).exp() * t["noise"]
    elif "noise" in t:
        z = mu + t["noise"]
    indices = z.detach().abs().topk(min(K, z.shape[1]), dim=1).indices
    return scattered(z, indices, z.gather(1, indices)), kl.sum(1)


def jumped(t: dict[str, Tensor]) -> tuple[Tensor, ...]:
    return jump(t["pre"], t["theta"], BANDWIDTH)


def plain_jumped(t: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """The step's value is H, its gradient that of a line in theta within the window, and of no other."""
    a, theta = t["pre"].relu(), t["theta"]
    line = -((a - theta).detach().abs() < BANDWIDTH / 2).to(a.dtype) / BANDWIDTH * theta
    on = (a > theta).to(a.dtype) + line - line.detach()
    return a * on.detach() + theta.detach() * (on - on.detach()), on.sum(1)


CASES: dict[str, tuple[Formula, Formula, tuple[str, ...]]] = {
    "sums": (sums, plain_sums, ("pre",)),
    "sums of batch-active units": (sums, plain_sums, ("pre", "mask")),
    "learned noise": (noisy, plain_noisy, ("pre", "log_variance", "noise")),
    "unit noise": (noisy, plain_noisy, ("pre", "noise")),
    "no noise": (noisy, plain_noisy, ("pre",)),
    "jump": (jumped, plain_jumped, ("pre", "theta")),
}


def values_and_gradients(formula: Formula, given: dict[str, Tensor], like: Tensor, used: slice) -> list[Tensor]:
    """Outputs, and the gradients, in all but mask and noise, of a weighted sum of the outputs that are used."""
    tensors = {name: tensor.to(like) for name, tensor in given.items()}
    learned = [t.requires_grad_() for name, t in tensors.items() if name not in ("mask", "noise")]
    outputs = formula(tensors)
    noise = torch.Generator().manual_seed(0)
    weights = [torch.randn(output.shape, generator=noise).to(like) for output in outputs]
    terms = [(output * weight).sum() for output, weight in zip(outputs, weights, strict=True)]
    total = torch.stack(terms[used]).sum()
    grads = torch.autograd.grad(total, learned, allow_unused=True, materialize_grads=True)
    return [tensor.detach().cpu().double() for tensor in (*outputs, *grads)]


def check(name: str, n: int, m: int, like: Tensor, rtol: float, atol: float) -> None:
    """Values and gradients, computed in the type and on the device of `like`, beside plain autograd in float64."""
    ours, plain, names = CASES[name]
    for used in (slice(None), slice(1), slice(1, None), slice(-1, None)):
        results = [
            values_and_gradients(formula, inputs(n, m, *names), tensor, used)
            for formula, tensor in ((ours, like), (plain, torch.zeros((), dtype=torch.float64)))
        ]
        torch.testing.assert_close(*results, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_values_and_gradients_are_those_of_the_formula(name: str, n: int, m: int) -> None:
    check(name, n, m, torch.zeros((), dtype=torch.float64), 1e-12, 1e-12)


@pytest.mark.skipif(torch.cuda.is_available(), reason="`make test-gpu` runs them on the GPU")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_kernels_do_the_same(name: str, n: int, m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Triton's interpreter."""
    pytest.importorskip("triton")

    def run(kernel: str, like: Tensor, *arguments: Any) -> Any:
        module, function = kernel.split(".")
        return getattr(import_module(f"models.parts.kernels.{module}"), function)(*arguments)

    for module in ("activation_sums", "noisy_topk", "jump"):
        monkeypatch.setattr(f"models.parts.{module}.attempt", run)
    check(name, n, m, torch.zeros(()), 1e-4, 1e-5)
