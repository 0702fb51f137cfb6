"""Short runs on the embedded digits, for the tests of all that carries runs out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.execute.dispatch import Inline
from bench.execute.job import Event, Job
from bench.plan.plan import Plan
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.store.record import Record
from bench.store.runs import RunStore
from bench.store.spec import RunSpec

MODEL = '''
import torch
from models.base import DenseCodes, Losses, GradientConfig, Model
class {name}(Model):
    """Identity with a bias."""
    Config = GradientConfig
    def __init__(self, config, n_features):
        super().__init__(config, n_features)
        self.bias = torch.nn.Parameter(torch.zeros(n_features))
    def loss(self, x, labels, progress):
        {loss}
        return Losses(total, {{"total_again": total}})
    def encode(self, x):
        return DenseCodes(x)
    def decode(self, codes):
        return codes.dense() + self.bias
    {more}
'''
LOSS = "total = self.bias.square().sum()"

METRIC = """
from metrics.base import metric
@metric(label="mine", direction="none", range="(-inf, inf)", source="a test")
def mine(x):
    return {value}
"""


def make(root: Path, **keys: Any) -> Plan:
    """The plan of one smoke run of topk, or of what is asked for."""
    keys = {"models": "topk", "seeds": "1", "budget": "smoke"} | keys
    return make_plan(Request.build(**keys), RunStore(root), Path("unused"))


def spec_of(root: Path, **keys: Any) -> RunSpec:
    """The first run of such a plan."""
    return make(root, **keys).specs[0]


def job(root: Path, **fields: Any) -> Job:
    """Runs on the CPU, with results below `root`."""
    return Job(**{"results": root, "data_dir": Path("unused"), "device": "cpu"} | fields)


def run_all(plan: Plan, root: Path, **fields: Any) -> list[Event]:
    """Carry out what a plan lacks, in this process; what was told of it."""
    events: list[Event] = []
    Inline().execute(plan.todo, job(root, **fields), events.append)
    return events


def run_one_of(root: Path, *metrics: str, **keys: Any) -> Record:
    """The record of one run that measures a few things only."""
    run_all(make(root, **keys), root, metrics=metrics or ("fvu",), threads=1)
    return only_record(root)


def only_record(root: Path) -> Record:
    """The one record of a results folder."""
    (record,) = RunStore(root).scan().records
    return record


def load(store: RunStore, run_id: str) -> Record:
    """The record of a run that has one."""
    record = store.load(run_id)
    assert record is not None
    return record


def plugin(folder: Path, loss: str = LOSS, name: str = "Mine", more: str = "") -> str:
    """A model file whose loss is the given line, with more methods after its own; its codes are its inputs."""
    file = folder / f"{name.lower()}.py"
    file.write_text(MODEL.format(name=name, loss=loss, more=more), encoding="utf-8")
    return f"{file}:{name}"


def metric_plugin(folder: Path, value: str = "x.sum().item()") -> str:
    """A metric file that returns the given expression."""
    (folder / "mine.py").write_text(METRIC.format(value=value), encoding="utf-8")
    return f"{folder / 'mine.py'}:mine"


def stop_after(n_steps: int) -> Callable[[], bool]:
    """Asked once a step or twice, it says stop from the step on that was asked for."""
    asked = iter(range(10**9))
    return lambda: next(asked) >= n_steps
