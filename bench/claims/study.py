"""From claims to runs, and from the records back to verdicts."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.claims.catalogue import CLAIMS
from bench.claims.verdict import Claim, Verdict, adjusted, judge
from bench.errors import BenchError, unknown
from bench.plan.request import Override, comma_separated
from bench.plan.runs import specs_of
from bench.plugins.loading import load_model_class
from bench.plugins.registry import DATASET_REGISTRY, MODEL_REGISTRY
from bench.store.record import Record, metric_of
from bench.store.spec import RunSpec

ClaimRuns = dict[tuple[str, str], dict[str, dict[int, RunSpec]]]
"""(Claim id, data set) -> arm -> seed -> run."""


def choose(names: str | None) -> list[Claim]:
    """The claims named in a list such as 'A1,M2'; all claims for None. Raises BenchError for an unknown name."""
    known = {claim.id: claim for claim in CLAIMS}
    wanted = list(known) if names is None else comma_separated(names)
    for name in wanted:
        if name not in known:
            raise unknown("claim", name, known)
    return [known[name] for name in dict.fromkeys(wanted)]


def runs_of(
    claims: Sequence[Claim], seeds: Sequence[int], budget: str, data_dir: Path, asked: Sequence[Override] = ()
) -> ClaimRuns:
    """The runs that each claim needs; claims that compare the same models share them.

    Parameters
    ----------
    asked : sequence of Override
        Values of hyperparameters, for every arm whose model has the field, in place of the claim's own.

    Raises
    ------
    BenchError
        No model of the claims has such a field, or it makes two arms of a claim the same.
    """
    runs = _runs_of(claims, seeds, budget, data_dir, asked)
    for (name, _), arms in runs.items():
        if same := _same(arms):
            raise BenchError(f"With this --set, {same} of claim {name} are the same; leave one out.")
    return runs


def blurred(claims: Sequence[Claim], budget: str, data_dir: Path, asked: Sequence[Override]) -> dict[str, str]:
    """Id of each claim of which the values that were asked for make two arms the same -> the two, in words."""
    runs = _runs_of(claims, (0,), budget, data_dir, asked)
    return {name: same for (name, _), arms in runs.items() if (same := _same(arms))}


def _runs_of(
    claims: Sequence[Claim], seeds: Sequence[int], budget: str, data_dir: Path, asked: Sequence[Override]
) -> ClaimRuns:
    runs: ClaimRuns = {}
    values = _asked({arm.model for claim in claims for arm in claim.arms.values()}, asked)
    for claim in claims:
        for arm, setup in claim.arms.items():
            for spec in specs_of(setup.request(claim.datasets, seeds, budget, values[setup.model]), data_dir):
                runs.setdefault((claim.id, spec.dataset), {}).setdefault(arm, {})[spec.seed] = spec
    return runs


def _same(arms: Mapping[str, Mapping[int, RunSpec]]) -> str:
    """ "'mp 5' and 'mp 10'", two arms of a claim that are one run; "" where there are none."""
    found: dict[str, str] = {}
    for arm, by_seed in arms.items():
        same = found.setdefault(next(iter(by_seed.values())).run_id, arm)
        if same != arm:
            return f"'{same}' and '{arm}'"
    return ""


def _asked(models: Collection[str], asked: Sequence[Override]) -> dict[str, dict[str, Any]]:
    """Model -> field -> the value that was asked for; what is said of one model wins over what is said of all."""
    fields = {name: load_model_class(MODEL_REGISTRY.find(name)).Config.model_fields for name in models}
    values: dict[str, dict[str, Any]] = {name: {} for name in models}
    for override in sorted(asked, key=lambda each: each.model is not None):
        if override.model is not None and override.model not in fields:
            raise unknown("model in --set", override.model, fields, "It must be one of the claims'.")
        having = [name for name in fields if override.concerns(name, fields[name])]
        if not having:
            valid = fields[override.model] if override.model else set().union(*fields.values())
            raise unknown(f"field of {override.model or 'any model of the claims'}", override.field, valid)
        if len(override.values) != 1:
            raise BenchError(f"--set {override.field}: a claim compares models at one value; give one, without [ ].")
        for name in having:
            values[name][override.field] = override.values[0]
    return values


def metrics_read(claims: Sequence[Claim]) -> list[str]:
    """Names of the metrics that the claims' effects read, found by asking them for one of any numbers."""
    read: set[str] = set()
    numbers = random.Random(0)

    def score(arm: str, metric: str) -> float:
        read.add(metric_of(metric))
        return numbers.random()

    for claim in claims:
        claim.effect(score)
    return sorted(read)


def all_specs(runs: ClaimRuns) -> list[RunSpec]:
    """Each run once, seed by seed, so that an interrupted study has complete seeds."""
    specs = {spec.run_id: spec for arms in runs.values() for by_seed in arms.values() for spec in by_seed.values()}
    return sorted(specs.values(), key=lambda spec: (spec.seed, spec.dataset))


def verdicts(claims: Sequence[Claim], runs: ClaimRuns, records: Sequence[Record]) -> list[Verdict]:
    """A verdict for each claim and data set, from the runs that are done, alone and adjusted for their number."""
    done = {record.run_id: record for record in records if record.status == "done"}
    names = {claim.id: [plugin.name for plugin in DATASET_REGISTRY.choose(claim.datasets)] for claim in claims}
    return adjusted([judge(claim, name, runs[claim.id, name], done) for claim in claims for name in names[claim.id]])


def lacking(found: Sequence[Verdict], runs: ClaimRuns, records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """What the verdicts without all seeds wait for: the runs of their claims, and the metrics that these read."""
    incomplete = [verdict for verdict in found if verdict.missing]
    arms = [by_seed for verdict in incomplete for by_seed in runs[verdict.claim.id, verdict.dataset].values()]
    wanted = {spec.run_id for by_seed in arms for spec in by_seed.values()}
    return [record for record in records if record.run_id in wanted], metrics_read([each.claim for each in incomplete])
