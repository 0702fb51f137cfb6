"""What a model costs: read from the model and its training."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from bench.execute.training import Training
from metrics import cost
from metrics.base import NotApplicable


def test_costs_by_hand() -> None:
    training = Training(10, 2.0, 0.25, 3 * 10**9, 5.0, pd.DataFrame())
    assert cost.train_seconds(training) == 2
    assert cost.step_ms(training) == 250
    assert cost.step_gflops(training) == 3
    assert cost.peak_memory(training) == 5


def test_a_fitted_model_has_no_steps() -> None:
    training = Training(0, 2.0, 0.0, 0, 5.0, pd.DataFrame())
    assert cost.step_ms(training) == cost.step_gflops(training) == NotApplicable("the model is not trained by steps")
    assert cost.train_seconds(training) == 2


def test_trained_parameters_count_and_kept_numbers_where_none_is_trained() -> None:
    model = torch.nn.Linear(3, 2)
    assert cost.parameters(model) == 3 * 2 + 2
    model.bias.requires_grad_(False)
    assert cost.parameters(model) == 6
    model.weight.requires_grad_(False)
    assert cost.parameters(model) == 8
    assert cost.parameters(torch.nn.Identity()) == pytest.approx(0)
