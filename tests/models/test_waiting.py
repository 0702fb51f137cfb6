"""No step waits for a GPU: fake tensors on one refuse each operator whose result's size depends on values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import models
from bench.plugins.loading import load_model_class
from bench.plugins.registry import MODEL_REGISTRY
from models.base import Losses, Model
from models.capabilities import Budgeted, Fittable
from models.parts import kernels

N, D, M = 24, 30, 64
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "vsc": [
        {"spike_warmup": 0.5, "spike_head": "log_relu", "relaxation": "concrete"},
        {"prior": "pseudo_inputs", "relaxation": "straight_through"},
    ],
    "vsc-aligned": [{"alignment": "batch"}, {"labels": "kmeans_inputs"}, {"labels": "kmeans_gamma"}],
    "vae": [{"likelihood": "gaussian", "beta_warmup": 0.5}],
    "vsae": [{"variance": "unit"}, {"variance": "none"}],
    "topk-l1": [{"mask": False}],
    "mp": [{"threshold": 0.5}, {"selection": "absolute"}, {"n_latents": 400}],
    "omp": [{"n_latents": 400}],
}


def trained() -> Iterator[Any]:
    for name in models.MODELS:
        cls = load_model_class(MODEL_REGISTRY.find(name))
        if not issubclass(cls, Fittable):
            yield from (pytest.param(cls, v, id=f"{name} {v}") for v in ({}, *VARIANTS.get(name, [])))


class _NoCopies(TorchDispatchMode):
    """Refuses copies between host and device, which wait, and numbers that a step would make on the host."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default, torch.ops.aten.lift_fresh.default):
            devices = {a.device.type for a in (*args, result) if isinstance(a, torch.Tensor)}
            assert devices == {"cuda"}, f"{func} between {devices}"
        return result


def build(cls: type[Model], variant: dict[str, Any]) -> Model:
    fields = cls.Config.model_fields
    sizes = {"n_latents": M, "batch_size": N, "hidden": 16} | ({"k": 4, "auxk": 8} if "auxk" in fields else {})
    return cls(cls.Config(**{k: v for k, v in sizes.items() if k in fields} | variant), D)


def as_on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, take the paths of a GPU."""
    for module in (
        "parts.sparse",
        "parts.largest",
        "parts.batch_topk",
        "parts.auxk",
        "parts.pursuit",
        "parts.orthogonal_pursuit",
        "parts.hardware",
        "parts.pairwise_jsd",
    ):
        monkeypatch.setattr(f"models.{module}.may_wait", lambda _: False)


def step(model: Model, x: torch.Tensor, labels: torch.Tensor, progress: Any) -> Losses:
    losses = model.loss(x, labels, progress)
    losses.total.backward()
    model.after_backward()
    model.after_step()
    return losses


@pytest.mark.parametrize(("cls", "variant"), list(trained()))
def test_no_step_waits_for_the_device(
    cls: type[Model], variant: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss on a GPU that is not there; the whole step, which autograd carries out on real devices only, on CPU."""
    assert vars(cls)["capturable"]
    for device in ("cuda", "cpu"):
        with FakeTensorMode():
            with torch.device(device):
                model = build(cls, variant).train()
                x, labels, progress = torch.rand(N, D), torch.zeros(N, dtype=torch.int64), torch.zeros(())
            if device == "cuda":
                with _NoCopies():
                    assert model.loss(x, labels, progress).total.dtype == torch.float32
            else:
                as_on_gpu(monkeypatch)
                step(model, x, labels, progress)


@pytest.mark.parametrize("wait", [lambda x: x.sum().item(), lambda x: x.nonzero(), lambda x: x[x > 0]])
def test_what_waits_is_found(wait: Any) -> None:
    with FakeTensorMode(), pytest.raises((DynamicOutputShapeException, DataDependentOutputException)):
        wait(torch.rand(3, device="cuda"))


def test_a_copy_from_the_host_is_found() -> None:
    with FakeTensorMode(), _NoCopies(), pytest.raises(AssertionError, match="cpu"):
        torch.tensor([1.0, 2.0]).to("cuda")


def descend(
    cls: type[Model], variant: dict[str, Any], dtype: torch.dtype, progress_of: Any, n: int = N, n_steps: int = 6
) -> list[torch.Tensor]:
    """The last loss, its gradients, and the state and codes after some steps on n samples, in which units are dead and
    some samples have no class."""
    x = torch.rand(4 * n, D, generator=torch.Generator().manual_seed(1)).to(dtype)
    labels = torch.arange(4 * n) % 5 - 1
    torch.manual_seed(0)
    model = build(cls, variant).to(dtype).train()
    model.prepare(x, labels)
    if hasattr(model, "auxk"):
        model.auxk.dead_after = n - 1
    for i in range(n_steps):
        rows = torch.arange(i * n, (i + 1) * n) % len(x)
        model.zero_grad()
        losses = step(model, x[rows], labels[rows], progress_of(i / 5))
        gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.sub_(0.01 * parameter.grad if parameter.grad is not None else 0.0)
    if hasattr(model, "auxk"):
        assert (model.auxk.silence > model.auxk.dead_after).any(), "no unit is dead"
    with torch.no_grad():
        codes = model.eval().encode(x[:n])
        coded = [codes.dense(), model.decode(codes)]
        if isinstance(model, Budgeted):
            coded.append(model.encode_with_budget(x[:n], 3).dense())
    return [losses.total.detach(), *gradients, *coded, *(value.to(dtype) for value in model.state_dict().values())]


@pytest.mark.parametrize(("cls", "variant"), list(trained()))
def test_a_step_of_fixed_sizes_is_that_of_sizes_that_depend_on_values(
    cls: type[Model], variant: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a GPU, carried out on the CPU, beside the path of the CPU."""
    expected = descend(cls, variant, torch.float64, float)
    as_on_gpu(monkeypatch)
    torch.testing.assert_close(descend(cls, variant, torch.float64, torch.tensor), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.skipif(torch.cuda.is_available(), reason="`make test-gpu` runs the kernels on the GPU")
@pytest.mark.parametrize(("cls", "variant"), [p for p in trained() if "n_latents" not in p.values[1]])
def test_a_step_by_kernels_is_that_of_the_torch_code(
    cls: type[Model], variant: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a GPU with its kernels, by Triton's interpreter: gradients go wherever those of the torch code go."""
    pytest.importorskip("triton")
    expected = descend(cls, variant, torch.float32, float, n=5, n_steps=2)
    as_on_gpu(monkeypatch)
    monkeypatch.setattr("models.parts.kernels.problems", {})
    monkeypatch.setattr("models.parts.kernels.takes", lambda x: x.dtype == torch.float32)
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    result = descend(cls, variant, torch.float32, torch.tensor, n=5, n_steps=2)
    torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-5)
    assert not kernels.problems
