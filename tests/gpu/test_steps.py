"""Steps on the GPU: the CPU's numbers, the same when replayed as a graph, and the same when resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.datasets.base import Split
from bench.datasets.stored import npy_rows
from bench.datasets.stream import Stream
from bench.execute.seeding import seed_everything
from bench.execute.stepping import Stepper
from bench.execute.training import train
from models.base import Losses, Model
from models.topk import TopK
from models.vsae import VSAE
from tests.models.test_waiting import M, N, build, step, trained

pytestmark = pytest.mark.gpu


def data(n: int, device: str) -> Split:
    generator = torch.Generator().manual_seed(1)
    low_rank = torch.rand(n, 5, generator=generator) @ torch.rand(5, 30, generator=generator) / 5
    return Split(low_rank.to(device), (torch.arange(n) % 5 - 1).to(device))


@pytest.fixture
def same_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise that is drawn on the CPU, whatever the device."""
    for name in ("randn_like", "rand_like", "bernoulli"):
        draw = getattr(torch, name)
        monkeypatch.setattr(torch, name, lambda x, draw=draw, **_: draw(x.cpu()).to(x.device))


@pytest.mark.parametrize(("cls", "variant"), list(trained()))
def test_codes_losses_and_gradients_are_those_of_the_cpu(
    cls: type[Model], variant: dict[str, Any], same_noise: None
) -> None:
    results = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        model = build(cls, variant)
        split = data(4 * N, device)
        model = model.to(device)
        model.prepare(split.x, split.labels)
        model.train()
        if hasattr(model, "auxk"):
            model.auxk.dead_after = N - 1  # units are dead from the first batch on, and AuxK has gradients
        torch.manual_seed(2)
        losses = step(model, split.x[:N], split.labels[:N], 0.5)
        model.eval()
        codes = model.encode(split.x)
        tensors = [losses.total.detach(), codes.dense(), model.decode(codes)]
        results.append([t.cpu() for t in (*tensors, *(p.grad for p in model.parameters() if p.grad is not None))])
    torch.testing.assert_close(results[1], results[0], rtol=1e-3, atol=1e-5)


def descend(cls: type[Model], variant: dict[str, Any], captures: bool, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model after 60 steps on the GPU: its weights, history and note."""
    torch.manual_seed(0)
    model = build(cls, variant).cuda()
    if not captures:
        monkeypatch.setattr(type(model), "capturable", False)
    seed_everything(0, "noise")
    trained = train(model, data(6 * N + 7, "cuda"), 3, max_steps=60)  # the last batch of an epoch is smaller
    return [value.cpu() for value in model.state_dict().values()], trained


@pytest.mark.parametrize(("cls", "variant"), list(trained()))
def test_a_replayed_step_is_the_eager_one_and_gives_the_same_bits_each_time(
    cls: type[Model], variant: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed, training = descend(cls, variant, True, monkeypatch)
    again, _ = descend(cls, variant, True, monkeypatch)
    assert all(torch.equal(a, b) for a, b in zip(replayed, again, strict=True))
    assert training.note is None
    eager, other = descend(cls, variant, False, monkeypatch)
    torch.testing.assert_close(replayed, eager, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        torch.tensor(training.history["total"].tolist()), torch.tensor(other.history["total"].tolist()), rtol=1e-3,
        atol=1e-4,
    )  # fmt: skip


class Inherits(TopK):
    """A plug-in that does not say it: its base class cannot speak for it."""


@pytest.mark.parametrize("wait", [Tensor.item, np.asarray])
def test_a_plugin_that_cannot_be_captured_falls_back_with_a_note(wait: Callable[[Tensor], Any]) -> None:
    class Waits(VSAE):
        """A plug-in that says that it can be captured, and cannot."""

        capturable = True

        def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
            losses = super().loss(x, labels, progress)
            if isinstance(progress, Tensor):  # in the capture alone
                wait(progress)
            return losses

    torch.manual_seed(0)
    stream = torch.cuda.current_stream()
    training = train(build(Waits, {}).cuda(), data(6 * N, "cuda"), 3, max_steps=30)
    assert training.steps == 30
    assert "not replayed as a CUDA graph" in (training.note or "")
    assert torch.cuda.current_stream() == stream
    next_one = train(build(VSAE, {}).cuda(), data(6 * N, "cuda"), 3, max_steps=30)  # draws noise, and is captured
    assert next_one.note is None


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="this machine has no second GPU")
def test_the_second_gpu_trains_as_the_first() -> None:
    """Whichever is the current one: kernels are launched there, and graphs captured."""
    weights = []
    for device in ("cuda:0", "cuda:1"):
        torch.manual_seed(0)
        model = build(TopK, {}).to(device)
        assert train(model, data(6 * N + 7, device), 3, max_steps=60).note is None
        weights.append([value.cpu() for value in model.state_dict().values()])
    assert torch.cuda.current_device() == 0
    torch.testing.assert_close(weights[1], weights[0])


def test_threads_that_pin_batches_of_files_do_not_end_a_capture(tmp_path: Path) -> None:
    split = data(6 * N, "cpu")
    np.save(tmp_path / "x.npy", split.x.numpy())
    rows = npy_rows(tmp_path / "x.npy")
    assert rows
    stream = Stream(rows, split.labels, torch.arange(6 * N), block_bytes=2**10, buffer_bytes=2**12)
    for _ in range(5):
        model = build(TopK, {}).cuda()
        assert train(model, split.to(torch.device("cuda")), 3, max_steps=40, batched=stream).note is None


def test_a_subclass_is_captured_only_if_it_says_so() -> None:
    assert Stepper(build(TopK, {}).cuda()).captures
    assert not Stepper(build(Inherits, {}).cuda()).captures


def test_a_run_ends_in_the_same_numbers_when_resumed(tmp_path: Path) -> None:
    from bench.execute.run import run_one
    from bench.store.runs import RunStore
    from tests.bench.execute.helpers import job, spec_of, stop_after

    spec = spec_of(tmp_path, models="vsae", set=[f"n_latents={M}"])
    weights = []
    for name, stops in (("whole", ()), ("parts", (25,))):
        for n_steps in stops:
            run_one(spec, job(tmp_path / name, device="cuda"), lambda _: None, stop=stop_after(n_steps))
        run_one(spec, job(tmp_path / name, device="cuda"), lambda _: None)
        weights.append(RunStore(tmp_path / name).folder(spec.run_id).weights())
    torch.testing.assert_close(weights[1], weights[0], rtol=1e-3, atol=1e-4)
