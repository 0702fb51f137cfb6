"""Checkpoints: training that was interrupted ends in the same numbers, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.execute import checkpoint
from bench.execute.checkpoint import Checkpoints, TrainingState
from bench.execute.job import Event
from bench.execute.run import run_one
from bench.plugins.registry import MODEL_REGISTRY
from bench.store import spec as specs
from bench.store.lock import LockLostError
from bench.store.record import Record
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from models.topk import TopK
from tests.bench.execute.helpers import job, load, spec_of, stop_after
from tests.models.test_capabilities import FITTED
from tests.numbers import numbers

FEW = ("fvu", "l0", "noise_fvu", "selection_agreement", "mean_probe")
"""Metrics of weights, codes and drawn noise."""


def run(folder: Path, spec: RunSpec, *stops: int, metrics: tuple[str, ...] = FEW) -> Record:
    """A run that is stopped after so many steps, and then so many more, and then left to end."""
    events: list[Event] = []
    store, its_job = RunStore(folder), job(folder, threads=1, metrics=metrics)
    for n_steps in stops:
        run_one(spec, its_job, events.append, stop=stop_after(n_steps))
        assert events[-1].kind == "stopped"
        assert store.load(spec.run_id) is None
        (unfinished,) = store.unfinished()
        assert unfinished.run_id == spec.run_id
        assert unfinished.owner is None
        assert 0 < (unfinished.progress or 0) < 1
    run_one(spec, its_job, events.append)
    record = load(store, spec.run_id)
    assert record.error is None, record.error.traceback
    return record


def histories(root: Path, spec: RunSpec) -> list[bytes]:
    """The history of the whole run, and of the one in parts."""
    return [(root / kind / spec.run_id / "history.csv").read_bytes() for kind in ("whole", "parts")]


TRAINED = [name for name in MODEL_REGISTRY.plugins if name not in FITTED]


@pytest.mark.parametrize("model", TRAINED)
def test_every_model_resumes_to_the_same_numbers(tmp_path: Path, model: str) -> None:
    spec = spec_of(tmp_path, models=model, set=["n_latents=16"])
    whole, parts = run(tmp_path / "whole", spec), run(tmp_path / "parts", spec, 3, 9)
    assert numbers(parts) == numbers(whole)
    assert {"fvu", "l0", "noise_fvu"} <= numbers(whole).keys()
    assert parts.provenance.resumed == 2
    ours, theirs = (RunStore(tmp_path / kind).folder(spec.run_id).weights() for kind in ("whole", "parts"))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    first, second = histories(tmp_path, spec)
    assert first == second


def test_many_epochs_and_history_rows_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(specs.BUDGETS, "smoke", specs.Budget(name="smoke", max_eval=100))
    spec = spec_of(
        tmp_path, set=["batch_size=32", "epochs=4", "n_latents=16"]
    )  # 40 steps an epoch: stops in each of the epochs
    whole = run(tmp_path / "whole", spec, metrics=("all",))
    parts = run(tmp_path / "parts", spec, 39, 3, 60, 40, metrics=("all",))
    assert numbers(parts) == numbers(whole)
    assert len(numbers(whole)) > 20
    assert parts.provenance.resumed == 4
    first, second = histories(tmp_path, spec)
    assert first == second
    assert first.count(b"\n") > 3


class Exploding:
    """Unpickled without care, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSpec, Record]:
    """A small run, and what it came to when nothing stopped it."""
    root = tmp_path_factory.mktemp("whole")
    spec = spec_of(root, set=["n_latents=16"])
    return spec, run(root, spec)


@pytest.mark.parametrize("damage", ["truncated", "not torch", "other code", "a pickle that runs code"])
def test_a_checkpoint_of_no_use_costs_only_time(tmp_path: Path, small: tuple[RunSpec, Record], damage: str) -> None:
    spec, whole = small
    store = RunStore(tmp_path / "parts")
    its_job = job(store.root, threads=1, metrics=FEW)
    run_one(spec, its_job, lambda event: None, stop=stop_after(5))
    path = store.folder(spec.run_id).checkpoint_path
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "not torch":
        path.write_text("nothing", encoding="utf-8")
    elif damage == "other code":
        content = torch.load(path, weights_only=True)
        torch.save(content | {"identity": content["identity"] | {"code": "0"}}, path)
    else:
        torch.save({"identity": Exploding(tmp_path / "ran")}, path)
    run_one(spec, its_job, lambda event: None)
    record = load(store, spec.run_id)
    assert record.provenance.resumed == 0
    assert numbers(record) == numbers(whole)
    assert not path.exists()
    assert not (tmp_path / "ran").exists()


def test_checkpoints_are_rare_and_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    keeper = Checkpoints()
    now[0] = checkpoint.MIN_SECONDS
    assert not keeper.due()
    now[0] += 0.1
    assert keeper.due()
    keeper._cost = 1.0  # one took a second: 50 s of training pay for it
    assert not keeper.due()
    now[0] = 50.1
    assert keeper.due()


def parts() -> tuple[TopK, torch.optim.Optimizer]:
    model = TopK(TopK.Config(n_latents=4, k=2), 3)
    return model, torch.optim.Adam(model.parameters())


def test_a_full_disk_leaves_the_last_one_and_is_no_headway(tmp_path: Path) -> None:
    told: list[float] = []

    def full(path: Path, write: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"the last one")
    Checkpoints(path, write=full, saved=told.append).save(TrainingState(step=5), *parts(), 10)
    assert path.read_bytes() == b"the last one"
    assert told == []


def test_one_whose_run_is_anothers_is_not_written_and_says_so(tmp_path: Path) -> None:
    def lost(path: Path, write: object) -> None:
        raise LockLostError

    with pytest.raises(LockLostError):
        Checkpoints(tmp_path / "checkpoint.pt", write=lost).save(TrainingState(step=5), *parts(), 10)


def test_only_one_that_goes_beyond_the_first_is_headway(tmp_path: Path) -> None:
    told: list[float] = []
    keeper = Checkpoints(tmp_path / "checkpoint.pt", saved=told.append)
    model, optimiser = parts()
    keeper.save(TrainingState(step=5), model, optimiser, 10)
    again = Checkpoints(tmp_path / "checkpoint.pt", saved=told.append)
    state = again.restore(model, optimiser)
    assert (state.step, state.resumed) == (5, 1)
    again.save(state, model, optimiser, 10)
    assert told == [0.5]
    state.step = 6
    again.save(state, model, optimiser, 10)
    assert told == [0.5, 0.6]
