"""Codes and reconstructions of every model on a GPU, which is not there: those of the CPU, by the paths of a GPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.datasets.base import Dataset
from models.base import Model
from models.capabilities import Budgeted, HasAtoms, HasPreactivations
from tests.gpu.pretended import GPU, pretended_gpu
from tests.models.test_contract import NAMES, trained


@pytest.mark.filterwarnings("ignore:the fit had not converged")
@pytest.mark.parametrize("name", NAMES)
def test_a_model_says_the_same_on_a_gpu(name: str, digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = trained(name, digits.train.head(200)), digits.test.x[:40]
    moved = type(model)(model.config, x.shape[1]).eval()
    moved.load_state_dict(model.state_dict())
    here = _said(model, x)
    with pretended_gpu(monkeypatch):
        there = {key: values.cpu() for key, values in _said(moved.to(GPU), x.to(GPU)).items()}
    assert there.keys() == here.keys()
    for key, values in here.items():
        torch.testing.assert_close(there[key], values, rtol=1e-4, atol=1e-5, msg=lambda text, key=key: f"{key}: {text}")


@torch.no_grad()
def _said(model: Model, x: Tensor) -> dict[str, Tensor]:
    """What a model makes of inputs, by name."""
    codes = model.encode(x)
    said = {"codes": codes.dense(), "reconstructions": model.decode(codes)}
    if isinstance(model, Budgeted):
        said["codes of two units"] = model.encode_with_budget(x, 2).dense()
    if isinstance(model, HasAtoms):
        said["atoms"] = model.atoms()
    if isinstance(model, HasPreactivations):
        said["pre-activations"] = model.preactivations(x)
    return said
