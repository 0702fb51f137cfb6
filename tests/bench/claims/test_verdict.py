"""A verdict follows from the interval over seeds alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.claims.verdict import Arm, Claim, Verdict, judge
from bench.store.record import Record
from bench.store.spec import RunSpec


def claim(**fields: object) -> Claim:
    """A claim that the score of model a is above that of model b."""
    arms = {"a": Arm("topk"), "b": Arm("mean")}
    words = dict.fromkeys(("id", "paper", "claim", "metric", "comparison", "expected"), "word")
    given = {"datasets": ("digits",), "arms": arms, "effect": lambda of: of("a", "mse") - of("b", "mse")}
    return Claim(**(words | given | fields))  # type: ignore[arg-type]


def judged(effects: list[float | None], **fields: object) -> Verdict:
    """The verdict on runs in which b scores 0 and a scores these effects; None: that run is missing."""
    specs: dict[str, dict[int, RunSpec]] = {"a": {}, "b": {}}
    records = {}
    for seed, effect in enumerate(effects):
        for arm, value in (("a", effect), ("b", 0.0)):
            spec = RunSpec(
                model=arm, model_reference="", config={}, dataset="digits", dataset_reference="",
                dataset_checksum="", settings="native", budget="quick", seed=seed,
            )  # fmt: skip
            specs[arm][seed] = spec
            if value is not None:
                records[spec.run_id] = Record(run_id=spec.run_id, spec=spec, status="done", metrics={"mse": value})
    return judge(claim(**fields), "digits", specs, records)


# Effects of four seeds, mean and half-width by hand: t(3, 0.975) = 3.182.
#   1.0 1.2 0.8 1.0   mean 1, sd 0.163, half 3.182 x 0.163 / 2 = 0.26:  0.74 to 1.26
#   1.0 -1.2 0.8 0.0  mean 0.15, sd 1.00, half 1.6:                      on both sides of 0
@pytest.mark.parametrize(
    ("effects", "fields", "outcome"),
    [
        ([1.0, 1.2, 0.8, 1.0], {}, "reproduced"),
        ([-1.0, -1.2, -0.8, -1.0], {}, "contradicted"),
        ([1.0, -1.2, 0.8, 0.0], {}, "inconclusive"),
        ([1.0, 1.2, 0.8, 1.0], {"above": 0.5}, "reproduced"),
        ([1.0, 1.2, 0.8, 1.0], {"above": 0.9}, "inconclusive"),
        ([1.0, 1.2, 0.8, 1.0], {"above": 2.0}, "contradicted"),
        ([1.0, 1.2, 0.8, 1.0], {"within": 1.5}, "reproduced"),
        ([1.0, 1.2, 0.8, 1.0], {"within": 1.0}, "inconclusive"),
        ([1.0, 1.2, 0.8, 1.0], {"within": 0.5}, "contradicted"),
        ([-1.0, -1.2, -0.8, -1.0], {"within": 0.5}, "contradicted"),
        ([100.0, 100.0], {}, "inconclusive"),
        ([100.0, None, 100.0, None], {}, "inconclusive"),
        ([None, None, None], {}, "not run"),
        ([0.0, 0.0, 0.0], {}, "contradicted"),
        ([0.0, 0.0, 0.0], {"within": 0.1}, "reproduced"),
        ([math.inf, 1.0, 1.0], {}, "inconclusive"),
    ],
)
def test_a_verdict_needs_the_whole_interval(
    effects: list[float | None], fields: dict[str, float], outcome: str
) -> None:
    verdict = judged(effects, **fields)
    assert verdict.outcome == outcome
    assert verdict.missing == effects.count(None)


def test_noise_is_rarely_taken_for_an_effect() -> None:
    rng = np.random.default_rng(0)
    outcomes = [judged(list(rng.normal(size=6))).outcome for _ in range(1000)]
    decided = sum(outcome != "inconclusive" for outcome in outcomes)
    assert 25 <= decided <= 80, "5% by construction, binomial error 0.7%"


def test_a_metric_that_does_not_apply_is_a_missing_seed() -> None:
    verdict = judged([1.0, 1.2, 0.8, 1.0], effect=lambda of: of("a", "mse") - of("b", "gamma_variance"))
    assert (verdict.outcome, verdict.missing, verdict.interval) == ("not run", 4, None)


def test_an_arm_is_a_study_that_a_person_could_ask_for() -> None:
    request = Arm("topk", {"k": [3], "n_latents": 50}).request(["digits"], [0, 4], "smoke")
    assert (request.models, request.datasets, request.seeds, request.budget) == (
        ("topk",),
        ("digits",),
        (0, 4),
        "smoke",
    )
    assert [(override.model, override.field, override.values) for override in request.set] == [
        ("topk", "k", ([3],)),
        ("topk", "n_latents", (50,)),
    ], "a value is never a grid"


@pytest.mark.parametrize(
    ("fields", "condition"), [({}, "> 0"), ({"above": 0.99}, "> 0.99"), ({"within": 0.01}, "within ±0.01")]
)
def test_the_condition_in_words(fields: dict[str, float], condition: str) -> None:
    assert claim(**fields).condition == condition
