"""The command as a user types it, in this process; and plug-ins for it to find."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from bench.cli.app import main
from bench.execute.dispatch import Inline
from bench.execute.job import Event, Job
from bench.plan.plan import Plan
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.store.runs import RunStore
from tests.bench.execute.helpers import MODEL

METRIC = '''
from metrics.base import metric

@metric(label="{name}", direction="max", range="[0, inf)", source="a test", headline=True)
def {name}({need}) -> float:
    """Mean size of what it is given."""
    {does}
    return {factor} * float({need}.abs().mean())
'''


FEW = ("--metrics", "fvu,l0,dead_fraction,class_correlation")
"""Cheap metrics, one of them an array."""

STUDY = ("run", "--models", "topk,vae,mean", "--budget", "smoke", *FEW)
"""What the fixture `results` runs."""


class Said(NamedTuple):
    """What a command said, and its exit status."""

    returncode: int
    """Exit status."""
    stdout: str
    """What it printed."""
    stderr: str
    """What it printed of errors."""


def bench(*arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Said:
    """Issue a command in this process, as `python -m bench` does; its runs are in it too unless it says otherwise."""
    if arguments[:1] in (("run",), ("claims",)) and "--executor" not in arguments:
        arguments = (*arguments, "--executor", "inline")
    out, err, code = io.StringIO(), io.StringIO(), 0
    environment = patch.dict("os.environ", env or {})
    with patch.object(sys, "argv", ["bench", *arguments]), environment, chdir(cwd or "."):
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Said(code, out.getvalue(), err.getvalue())


def model_file(folder: Path, loss: str = "total = self.bias.square().sum()", name: str = "Mine", more: str = "") -> str:
    """The reference of a model in a file, whose loss is the given line, with more methods after its own."""
    file = folder / f"{name.lower()}.py"
    file.write_text(MODEL.format(name=name, loss=loss, more="") + f"    {more}\n", encoding="utf-8")
    return f"{file}:{name}"


def metric_file(folder: Path, name: str = "size", need: str = "z", factor: float = 1.0, does: str = "pass") -> str:
    """The reference of a metric in a file: the mean size of what it asks for, times a factor; `does` comes before."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.py"
    file.write_text(METRIC.format(name=name, need=need, factor=factor, does=does), encoding="utf-8")
    return f"{file}:{name}"


def make(root: Path, **keys: Any) -> Plan:
    """The plan of a small request: random atoms, once."""
    keys = {"models": "random", "seeds": "1", "budget": "smoke"} | keys
    return make_plan(Request.build(**keys), RunStore(root), Path("unused"))


def carry_out(plan: Plan, root: Path, *metrics: str) -> list[Event]:
    """What happened to the runs of a plan, carried out one by one with few metrics."""
    events: list[Event] = []
    Inline().execute(plan.todo, Job(root, Path("unused"), "cpu", metrics or ("fvu", "l0")), events.append)
    return events
