"""Plan: the runs of a request, and which of them are done or missing. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import counted
from bench.store.record import Record
from bench.store.spec import RunSpec


@dataclass(frozen=True)
class Plan:
    """The runs of a request and their state."""

    specs: list[RunSpec]
    """All runs, each once."""
    todo: list[RunSpec]
    """The runs that will be carried out."""
    done: list[str]
    """Ids of the runs that are done."""
    failed: list[str]
    """Ids of the runs that ended in another way, such as failed."""
    unreadable: list[str]
    """Ids of the runs whose record cannot be read."""
    submitted: Sequence[str] = ()
    """Ids of the runs without a record that are on a cluster."""
    lost: Sequence[str] = ()
    """Ids of the runs without a record that were on a cluster and are no longer there."""

    @property
    def size(self) -> str:
        """'27 runs = 9 models x 1 dataset x 3 seeds'; it counts variants if there are more of them than models.

        Deterministic models, which are run once whatever the seeds, are named. Of models that were trained elsewhere
        it counts the checkpoints: '+ 2 checkpoints x 1 dataset'. Where not every variant is on every data set, it
        counts the pairs: '12 runs = 4 pairs of 3 variants and 2 datasets x 3 seeds'.
        """
        trained, imported = ([spec for spec in self.specs if spec.imported is there] for there in (False, True))
        seeds: dict[str, set[int]] = defaultdict(set)
        for spec in trained:
            seeds[spec.model].add(spec.seed)
        counts = {
            "model": len(seeds),
            "variant": len({(spec.label, spec.settings) for spec in trained}),
            "dataset": len({spec.dataset for spec in self.specs}),
            "seed": max(map(len, seeds.values()), default=0),
            "checkpoint": len({spec.code for spec in imported}),
        }
        rows = "variant" if counts["variant"] > counts["model"] else "model"
        factors = [(rows, "dataset", "seed")] * bool(trained) + [("checkpoint", "dataset")] * bool(imported)
        sums = " + ".join(" x ".join(counted(counts[kind], kind) for kind in kinds) for kinds in factors)
        pairs = {(spec.label, spec.settings, spec.dataset) for spec in trained}
        if len(pairs) < counts["variant"] * len({dataset for *_, dataset in pairs}):
            sums = sums.replace(" x ", " and ", 1)
            sums = f"{counted(len(pairs), 'pair')} of {sums}"
        once = ", ".join(model for model, own in seeds.items() if len(own) < counts["seed"])
        return f"{counted(len(self.specs), 'run')} = {sums}" + (f", one seed of {once}" if once else "")


def resolve(
    specs: list[RunSpec], records: Mapping[str, Record | None], retry_failed: bool = False, force: bool = False
) -> Plan:
    """Sort runs by their state in the store; a None in `records` is a record that cannot be read."""
    states = {}
    for spec in specs:
        if spec.run_id in records:
            record = records[spec.run_id]
            states[spec.run_id] = record.status if record else "unreadable"
    ended_badly = {run_id for run_id, state in states.items() if state not in ("done", "unreadable")}
    again = states.keys() if force else ended_badly if retry_failed else set()
    settled = {run_id: state for run_id, state in states.items() if run_id not in again}
    todo = [spec for spec in specs if spec.run_id not in settled]
    done, unreadable = ([i for i, s in settled.items() if s == state] for state in ("done", "unreadable"))
    failed = [run_id for run_id in settled if run_id in ended_badly]
    return Plan(specs, todo, done, failed, unreadable)


def estimates(todo: Sequence[RunSpec], records: Sequence[Record]) -> dict[str, float]:
    """Run id -> expected seconds: the mean over earlier runs of the same kind; no entry if there are none."""

    def kind(spec: RunSpec) -> tuple[Any, ...]:
        return spec.model, spec.dataset, spec.settings, spec.budget, str(spec.variant)

    times: dict[tuple[Any, ...], list[float]] = {}
    for record in records:
        if record.status == "done" and "total" in record.timings:
            times.setdefault(kind(record.spec), []).append(record.timings["total"])
    means = {key: sum(seconds) / len(seconds) for key, seconds in times.items()}
    return {spec.run_id: means[kind(spec)] for spec in todo if kind(spec) in means}
