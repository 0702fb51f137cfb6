"""Training: its steps and batches, its history, where it stops, and what it refuses."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.datasets.base import Split
from bench.errors import BenchError
from bench.execute.batches import batches
from bench.execute.checkpoint import Checkpoints, StopRequestedError
from bench.execute.training import DivergedError, n_steps, require_batch_fits, train
from bench.plugins.loading import load_model_class
from bench.plugins.registry import MODEL_REGISTRY
from bench.store.files import write_atomically
from models.base import DenseCodes, GradientConfig, Losses, Model
from tests.bench.execute.helpers import only_record, plugin, run_one_of


class Line(Model[GradientConfig]):
    """Learns the mean, and remembers what it was told."""

    Config = GradientConfig

    def __init__(self, config: GradientConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.mean = torch.nn.Parameter(torch.zeros(n_features))
        self.told: list[float] = []

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        self.told.append(progress)
        total = (x - self.mean).square().mean()
        return Losses(total, {"half": total / 2})

    def encode(self, x: Tensor) -> DenseCodes:
        return DenseCodes(x)


def line(**fields: object) -> Line:
    return Line(GradientConfig.model_validate({"epochs": 3, "batch_size": 4, **fields}), 2)


@pytest.fixture
def data() -> Split:
    return Split(torch.rand(10, 2), torch.zeros(10).long())


def test_progress_goes_from_0_to_1_over_all_steps(data: Split) -> None:
    model, told = line(), []
    training = train(model, data, batches_seed=0, report=told.append)
    assert training.steps == n_steps(10, 4, 3, None, None) == 9
    assert model.told == pytest.approx([step / 8 for step in range(9)])
    assert told == [0, 1]
    assert not model.training
    assert training.seconds > 0
    assert training.peak_memory_mb > 0


def test_the_history_has_the_mean_of_every_term(data: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.execute.training.FLUSH_EVERY", 4)
    history = train(line(learning_rate=1e-9), data, batches_seed=0).history
    assert list(history.columns) == ["step", "epoch", "total", "half"]
    assert history["step"].tolist() == [4, 8, 9]
    assert history["epoch"].tolist() == pytest.approx([4 / 3, 8 / 3, 3])
    stream = batches(data, 4, seed=0)
    expected = [next(stream)[0].square().mean().item() for _ in range(4)]
    assert history["total"][0] == pytest.approx(sum(expected) / 4)
    assert history["half"].tolist() == pytest.approx((history["total"] / 2).tolist())


def test_a_kernel_that_was_given_up_is_noted(data: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(line(), data, batches_seed=0).note is None
    monkeypatch.setattr("models.parts.kernels.problems", {"bags.sums": "Triton is not installed"})
    assert train(line(), data, batches_seed=0).note == "the kernel bags.sums was not used: Triton is not installed"


def test_steps_are_bounded(data: Split) -> None:
    assert train(line(), data, batches_seed=0, max_steps=2).steps == 2
    assert n_steps(10, 4, 3, None, 100) == 9


def test_a_small_data_set_gets_more_epochs_and_schedules_stretch_with_them(data: Split) -> None:
    model = line()
    training = train(model, data, batches_seed=0, min_steps=11)
    assert training.steps == 11
    assert model.told == pytest.approx([step / 10 for step in range(11)])
    assert training.history["epoch"].tolist() == pytest.approx([11 / 3])
    assert n_steps(10, 4, 3, 5, None) == 9, "epochs that come to more stand"
    assert n_steps(10, 4, 3, 11, 2) == 2, "so does a bound"


def test_batches_go_on_where_they_were_left(data: Split) -> None:
    whole, later = batches(data, 4, seed=1), batches(data, 4, seed=1, first=5)
    for _ in range(5):
        next(whole)
    for _ in range(5):
        assert torch.equal(next(whole)[0], next(later)[0])


def test_a_fitted_model_takes_no_step(data: Split) -> None:
    cls = load_model_class(MODEL_REGISTRY.find("pca"))
    training = train(cls(cls.Config(n_latents=2), 2), data, batches_seed=0)
    assert (training.steps, training.step_seconds, training.step_flops) == (0, 0, 0)
    assert list(training.history.columns) == ["step", "epoch", "total"]


def test_it_stops_between_two_steps_and_leaves_a_checkpoint(data: Split, tmp_path: Path) -> None:
    model = line()
    checkpoints = Checkpoints(tmp_path / "checkpoint.pt", stop=lambda: len(model.told) == 3)
    with pytest.raises(StopRequestedError, match="step 3 of 9"):
        train(model, data, batches_seed=0, checkpoints=checkpoints)
    assert (tmp_path / "checkpoint.pt").exists()


def test_what_a_checkpoint_takes_is_no_training(data: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.execute.training.MIN_SECONDS", 0.0)
    monkeypatch.setattr("bench.execute.checkpoint.MIN_SECONDS", 0.0)
    path, took = tmp_path / "checkpoint.pt", []

    def write(path: Path, save: Callable[[Path], object]) -> None:
        time.sleep(0.5)
        took.append(0.5)
        write_atomically(path, save)

    model = line()
    with pytest.raises(StopRequestedError):
        train(model, data, 0, checkpoints=Checkpoints(path, write=write, stop=lambda: len(model.told) == 3))
    training = train(line(), data, batches_seed=0, checkpoints=Checkpoints(path, write=write))
    assert training.resumed == 1
    assert len(took) >= 3, "where it stopped, on the way, and at the end"
    assert training.seconds < 0.5
    assert training.step_seconds < 0.05


def test_inputs_that_are_not_finite_are_refused(data: Split) -> None:
    data.x[3, 1] = torch.nan
    with pytest.raises(ValueError, match="1 values that are NaN or infinite"):
        train(line(), data, batches_seed=0)


def test_a_loss_that_diverges_names_its_step(data: Split) -> None:
    model = line()
    data.x.mul_(1e25)
    with pytest.raises(DivergedError, match=r"inf at step 1 \(its term half is inf\)\. Lower learning_rate"):
        train(model, data, batches_seed=0)


def test_a_nan_loss_fails_at_its_step(tmp_path: Path) -> None:
    loss = "total = self.bias.square().sum() + (float('nan') if progress > 0.5 else 0.0)"
    run_one_of(tmp_path, models=plugin(tmp_path, loss))
    record = only_record(tmp_path)
    assert record.status == "failed"
    assert record.error is not None
    assert "nan at step 11" in record.error.message, "progress passes 0.5 at the 11th of 20 steps"
    assert "(its term total_again is nan)" in record.error.message


def test_a_batch_larger_than_the_data_is_refused_with_the_range() -> None:
    require_batch_fits("topk", 10, 10)
    with pytest.raises(BenchError, match=r"topk\.batch_size = 11 is more than the 10 training samples; choose 1 to 10"):
        require_batch_fits("topk", 11, 10)
