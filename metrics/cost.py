"""What a model costs. The record, not the metric, marks timings that were taken beside other runs."""

from __future__ import annotations

from typing import Any

from metrics.base import NotApplicable, metric

NO_STEPS = NotApplicable("the model is not trained by steps")
"""Why there is no cost of a step."""


@metric(label="parameters", direction="min", range="[0, inf)", source="definition", price=True)
def parameters(model: Any) -> float:
    """Number of trained parameters; for a model with a closed-form fit, the number of all stored values."""
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return float(trained or sum(tensor.numel() for tensor in model.state_dict().values()))


@metric(
    label="train",
    direction="none",
    unit="s",
    range="[0, inf)",
    source="wall clock",
    headline=True,
    price=True,
    answer="trains fastest",
)
def train_seconds(training: Any) -> float:
    """Wall-clock seconds of training, data loading and evaluation excluded."""
    return float(training.seconds)


@metric(label="step", direction="none", unit="ms", range="[0, inf)", source="wall clock", price=True)
def step_ms(training: Any) -> float | NotApplicable:
    """Mean milliseconds per optimiser step, without the first few; n/a if the model is not trained by steps."""
    return 1000 * float(training.step_seconds) if training.steps else NO_STEPS


@metric(label="step", direction="none", unit="GFLOP", range="[0, inf)", source="torch.utils.flop_counter", price=True)
def step_gflops(training: Any) -> float | NotApplicable:
    """Operations of the dense matrix products in one training step, forward and backward.

    Sparse products are left out.
    """
    return float(training.step_flops) / 1e9 if training.steps else NO_STEPS


@metric(
    label="peak memory",
    direction="none",
    unit="MB",
    range="[0, inf)",
    source="CUDA allocator, or process maximum",
    price=True,
)
def peak_memory(training: Any) -> float:
    """Peak memory of training: of the tensors on a GPU, or of the whole process so far on a CPU."""
    return float(training.peak_memory_mb)
