"""What a claim is, and what the records say about it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from bench.compare.stats import Interval, t_interval
from bench.plan.request import Override, Request
from bench.store.record import Record
from bench.store.spec import RunSpec

Score = Callable[[str, str], float]
Outcome = Literal["reproduced", "contradicted", "inconclusive", "not run"]


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: a model, and the fields in which it differs from its native setting."""

    model: str
    """Its name."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Hyperparameter -> value."""

    def request(self, datasets: Sequence[str], seeds: Sequence[int], budget: str) -> Request:
        """The study that runs it, the same as `bench run --models MODEL --set MODEL.FIELD=VALUE ...`."""
        overrides = tuple(Override(self.model, name, (value,)) for name, value in self.fields.items())
        return Request.build(
            models=(self.model,), datasets=tuple(datasets), seeds=tuple(seeds), budget=budget, set=overrides
        )


@dataclass(frozen=True)
class Claim:
    """What a paper claims, as a number that the claim says is above a bound, or within a margin of zero."""

    id: str
    """Its name, such as "M3"."""
    paper: str
    """The paper's arXiv number or venue."""
    claim: str
    """What it claims, in one line."""
    metric: str
    """What is measured; for the table."""
    comparison: str
    """Between what; for the table."""
    expected: str
    """What the paper reports; for the table."""
    datasets: tuple[str, ...]
    """Where it is checked: each is a verdict of its own."""
    arms: Mapping[str, Arm]
    """The runs that it needs, by the names that `effect` uses."""
    effect: Callable[[Score], float]
    """The number for one seed, from a function (arm, metric) -> value of that run. Several parts that must all hold are
    one number, the smallest."""
    above: float = 0.0
    """The claim holds where the effect is above this."""
    within: float | None = None
    """For a claim of equality: it holds where the effect is within this of zero. None for the others."""

    @property
    def condition(self) -> str:
        """'> 0', or 'within ±0.01'."""
        return f"> {self.above:g}" if self.within is None else f"within ±{self.within:g}"


class Verdict(NamedTuple):
    """What the seeds say about a claim on one data set."""

    claim: Claim
    """Which claim."""
    dataset: str
    """On which data set."""
    outcome: Outcome
    """What follows from the interval."""
    interval: Interval | None
    """The mean effect over seeds with its interval; None where no seed has an effect."""
    effects: dict[int, float]
    """Seed -> effect, for the seeds whose runs are all done and have the metrics."""
    missing: int
    """How many seeds were asked for and have no effect."""


def judge(
    claim: Claim, dataset: str, specs: Mapping[str, Mapping[int, RunSpec]], records: Mapping[str, Record]
) -> Verdict:
    """The verdict on one data set.

    Parameters
    ----------
    specs : mapping
        Arm -> seed -> run.
    records : mapping
        Run id -> record, of the runs that are done.
    """
    effects = {}
    seeds = next(iter(specs.values()))
    for seed in seeds:

        def score(arm: str, metric: str, seed: int = seed) -> float:
            return records[specs[arm][seed].run_id].metrics[metric]

        try:
            effects[seed] = claim.effect(score)
        except KeyError:  # a run that is not done, or a metric that is n/a in it
            continue
    interval = t_interval(list(effects.values())) if effects else None
    return Verdict(claim, dataset, _outcome(claim, interval), interval, effects, len(seeds) - len(effects))


def _outcome(claim: Claim, interval: Interval | None) -> Outcome:
    """Decided only where the whole interval is on one side; without an interval, or with too few seeds, nothing is."""
    if interval is None:
        return "not run"
    if interval.half_width is None:
        return "inconclusive"
    low, high = interval.mean - interval.half_width, interval.mean + interval.half_width
    if claim.within is not None:
        if -claim.within <= low and high <= claim.within:
            return "reproduced"
        return "contradicted" if low > claim.within or high < -claim.within else "inconclusive"
    if low > claim.above:
        return "reproduced"
    return "contradicted" if high <= claim.above else "inconclusive"
