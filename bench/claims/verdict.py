"""What a claim is, and what the records say about it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import bdtr, stdtr

from bench.compare.stats import LEVEL, MIN_SEEDS, Interval, separable, t_interval
from bench.plan.request import Override, Request
from bench.store.record import Record
from bench.store.spec import RunSpec

Score = Callable[[str, str], float]
Outcome = Literal["reproduced", "contradicted", "inconclusive", "not run"]


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: a model, and the fields in which it differs from its native setting."""

    model: str
    """Name of the model."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Hyperparameter -> value."""

    def request(
        self, datasets: Sequence[str], seeds: Sequence[int], budget: str, asked: Mapping[str, Any] | None = None
    ) -> Request:
        """The study that runs this arm, the same as `bench run --models MODEL --set MODEL.FIELD=VALUE ...`.

        `asked` has values in place of its own.
        """
        overrides = tuple(
            Override(self.model, name, (value,)) for name, value in {**self.fields, **(asked or {})}.items()
        )
        return Request.build(
            models=(self.model,), datasets=tuple(datasets), seeds=tuple(seeds), budget=budget, set=overrides
        )


@dataclass(frozen=True)
class Claim:
    """A claim of a paper: it says that a number is above a bound, or within a margin of zero."""

    id: str
    """Short name, e.g. "A1"."""
    paper: str
    """The paper's arXiv number or venue."""
    claim: str
    """The claim in one line."""
    metric: str
    """What is measured."""
    comparison: str
    """The models or settings that are compared."""
    expected: str
    """What the paper reports."""
    datasets: tuple[str, ...]
    """Names of data sets on which the claim is checked, or `mnist:normalise=unit`; each gets its own verdict."""
    arms: Mapping[str, Arm]
    """The models that it needs, by the names that `effect` uses."""
    effect: Callable[[Score], float | Sequence[float]]
    """Computes the number for one seed, from a function that maps (arm, metric) to the run's value; or the numbers of
    several parts, which must all hold: the claim's is then the smallest of them, of equalities the one farthest from
    zero."""
    above: float = 0.0
    """The claim holds if the effect is above this."""
    within: float | None = None
    """For a claim of equality, used instead of `above`: the claim holds if the effect is within this of zero."""
    in_most_seeds: bool = False
    """For a count, which cannot lie below zero: the claim holds if in most seeds it is above `above` (a sign test)."""
    cells: Callable[[Score], Mapping[str, float]] | None = None
    """For a claim over a grid of settings: the number of each, for one seed; the verdict says where it holds."""

    @property
    def condition(self) -> str:
        """'> 0', '> 0 in most seeds', or 'within ±0.01'."""
        if self.within is not None:
            return f"within ±{self.within:g}"
        return f"> {self.above:g}" + " in most seeds" * self.in_most_seeds


class Verdict(NamedTuple):
    """What the seeds say about a claim on one data set."""

    claim: Claim
    """The claim."""
    dataset: str
    """Data set on which it was checked."""
    outcome: Outcome
    """The decision at 5%, as if this were the only claim."""
    adjusted: Outcome
    """The decision at 5% for all verdicts that are given together (Holm): inconclusive where it does not stand."""
    p_value: float | None
    """The level at which the outcome is just decided; None below three seeds."""
    interval: Interval | None
    """Mean effect over seeds; None if no seed has an effect."""
    effects: dict[int, float]
    """Seed -> effect, for the seeds whose runs are all done and have the metrics."""
    cells: dict[str, int]
    """For a claim over a grid: setting -> number of seeds in which the claim's number is above its bound."""
    missing: int
    """Number of requested seeds that have no effect."""


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
    effects: dict[int, float | Sequence[float]] = {}
    cells: dict[str, int] = {}
    seeds = next(iter(specs.values()))
    for seed in seeds:

        def score(arm: str, metric: str, seed: int = seed) -> float:
            return records[specs[arm][seed].run_id].metrics[metric]

        try:
            effects[seed] = claim.effect(score)
            found = claim.cells(score) if claim.cells else {}
        except KeyError:  # a run that is not done, or a metric that is n/a in it
            continue
        cells = {name: cells.get(name, 0) + (value > claim.above) for name, value in found.items()}
    return decide(claim, dataset, effects, cells, len(seeds) - len(effects))


def decide(
    claim: Claim, dataset: str, found: Mapping[int, float | Sequence[float]], cells: dict[str, int], missing: int
) -> Verdict:
    """The verdict on some effects: reproduced or contradicted only if its test says so; inconclusive below 3 seeds.

    Of several parts the smallest is tested. Noise alone makes it small: that it is below the bound contradicts the
    claim only where a part by itself is, adjusted for their number (Bonferroni).
    """
    parts = {seed: np.atleast_1d(effect) for seed, effect in found.items()}
    effects = {seed: _worst(claim, values) for seed, values in parts.items()}
    interval = t_interval(list(effects.values())) if effects else None
    if interval is None:
        return Verdict(claim, dataset, "not run", "not run", None, interval, effects, cells, missing)
    if len(effects) < MIN_SEEDS or not math.isfinite(interval.mean):
        return Verdict(claim, dataset, "inconclusive", "inconclusive", None, interval, effects, cells, missing)
    holds, p_value = _test(claim, list(effects.values()))
    tests = [_test(claim, values.tolist()) for values in np.array(list(parts.values())).T]
    failing = [p for part_holds, p in tests if not part_holds]
    if failing or not holds:
        holds, p_value = False, min(1.0, len(tests) * min(failing, default=1.0))
    decided: Outcome = "reproduced" if holds else "contradicted"
    outcome: Outcome = decided if p_value <= 1 - LEVEL else "inconclusive"
    return Verdict(claim, dataset, outcome, outcome, p_value, interval, effects, cells, missing)


def _worst(claim: Claim, parts: np.ndarray) -> float:
    """The part that is worst for a claim: the smallest, of an equality the one farthest from zero."""
    return float(parts.min() if claim.within is None else parts[np.abs(parts).argmax()])


def adjusted(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts, those that do not stand when all of them are tested together as inconclusive (Holm)."""
    tested = [verdict.p_value for verdict in verdicts if verdict.p_value is not None]
    stands = iter(separable(tested))
    return [
        verdict if verdict.p_value is None or next(stands) else verdict._replace(adjusted="inconclusive")
        for verdict in verdicts
    ]


def _test(claim: Claim, effects: Sequence[float]) -> tuple[bool, float]:
    """Whether the claim seems to hold, and the two-sided p-value of that side."""
    n = len(effects)
    if claim.in_most_seeds:
        yes = sum(effect > claim.above for effect in effects)
        return 2 * yes > n, min(1.0, 2 * float(bdtr(min(yes, n - yes), n, 0.5)))
    mean, spread = float(np.mean(effects)), float(np.std(effects, ddof=1)) if len(set(effects)) > 1 else 0.0
    margin = mean - claim.above if claim.within is None else claim.within - abs(mean)
    if spread == 0:
        return margin > 0, 0.0 if margin else 1.0
    return margin > 0, 2 * float(stdtr(n - 1, -abs(margin) / spread * math.sqrt(n)))
