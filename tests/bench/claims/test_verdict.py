"""A verdict follows from the interval over seeds alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as reference

from bench.claims.verdict import Arm, Claim, Verdict, adjusted, decide, judge
from bench.show.claims import markdown, row
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
        ([0.0, 0.0, 0.0], {}, "inconclusive"),
        ([-1.0, -1.0, -1.0], {}, "contradicted"),
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


# By the sign test, two-sided: six of six have p = 2 / 64 = 0.03, five of six 0.22, five of five 0.0625.
@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ([1, 3, 2, 1, 1, 7], "reproduced"),
        ([0, 0, 0, 0, 0, 0], "contradicted"),
        ([0, 3, 2, 1, 1, 7], "inconclusive"),
        ([0, 0, 0, 0, 0], "inconclusive"),
    ],
)
def test_a_count_is_judged_by_the_seeds_that_have_one(counts: list[float], outcome: str) -> None:
    assert judged([*counts], in_most_seeds=True).outcome == outcome
    assert claim(in_most_seeds=True).condition == "> 0 in most seeds"


@pytest.mark.parametrize("effects", [[1.0, 1.2, 0.8, 1.0], [-0.3, 0.1, 0.2, -0.2, 0.15]])
def test_the_p_value_is_scipys(effects: list[float]) -> None:
    for above in (-1.0, 0.0, 0.9):
        expected = reference.ttest_1samp(effects, above).pvalue
        assert judged([*effects], above=above).p_value == pytest.approx(expected)
    margin = 1.5 - abs(np.mean(effects))
    expected = 2 * reference.t.sf(margin / reference.sem(effects), len(effects) - 1)
    assert judged([*effects], within=1.5).p_value == pytest.approx(expected)
    assert judged(effects[:2]).p_value is None


def test_many_verdicts_stand_together_only_as_far_as_holm_says() -> None:
    """The weak one, with p between 0.01 and 0.05, stands alone or as one of two, not as one of ten."""
    clear, weak = judged([1.0, 1.01, 0.99, 1.0, 1.02]), judged([0.9, 1.4, 0.4, 1.9, 0.1])
    silent = judged([None, None, None, None, None])
    assert weak.p_value is not None
    assert 0.01 < weak.p_value < 0.05
    many = adjusted([clear, *[weak] * 9, silent])
    assert [verdict.adjusted for verdict in many] == ["reproduced", *["inconclusive"] * 9, "not run"]
    assert [verdict.outcome for verdict in many] == [*["reproduced"] * 10, "not run"]
    assert [verdict.adjusted for verdict in adjusted([clear, weak])] == ["reproduced", "reproduced"]


def test_of_true_nulls_the_table_rarely_decides_any() -> None:
    rng = np.random.default_rng(0)
    studies = rng.normal(size=(100, 20, 6)).tolist()
    tables = [adjusted([decide(claim(), "digits", dict(enumerate(e)), {}, 0) for e in study]) for study in studies]
    assert sum(any(verdict.adjusted != "inconclusive" for verdict in table) for table in tables) <= 12
    assert sum(any(verdict.outcome != "inconclusive" for verdict in table) for table in tables) > 40


@pytest.mark.parametrize("n_parts", [2, 6])
def test_a_claim_is_not_contradicted_by_the_noise_of_its_parts(n_parts: int) -> None:
    """All parts are zero in truth; the smallest of six is below it on average in nearly every study of six seeds."""
    rng = np.random.default_rng(0)
    studies = rng.normal(size=(500, 6, n_parts)).tolist()
    outcomes = [decide(claim(), "digits", dict(enumerate(study)), {}, 0).outcome for study in studies]
    assert outcomes.count("contradicted") / 500 < 0.05
    assert outcomes.count("reproduced") == pytest.approx(0, abs=5)


@pytest.mark.parametrize(
    ("parts", "fields", "number", "outcome"),
    [
        ([[2.0, 1.0], [2.1, 1.2], [1.9, 0.8], [2.0, 1.0]], {}, 1.0, "reproduced"),
        ([[2.0, -1.0], [2.1, -1.2], [1.9, -0.8], [2.0, -1.0]], {}, -1.0, "contradicted"),
        ([[1.0, -0.9], [-0.9, 1.0], [1.1, -0.9], [-0.9, 1.1]], {}, -0.9, "inconclusive"),
        ([[0.1, -2.0], [0.1, -2.1], [0.2, -1.9], [0.1, -2.0]], {"within": 1.0}, -2.0, "contradicted"),
        ([[2.0, -2.1], [2.1, -2.0], [2.0, -2.1], [2.1, -2.0]], {"within": 1.0}, 0.0, "contradicted"),
    ],
)
def test_all_parts_must_hold(parts: list[list[float]], fields: dict[str, float], number: float, outcome: str) -> None:
    found = decide(claim(**fields), "digits", dict(enumerate(parts)), {}, 0)
    assert found.interval is not None
    assert found.interval.mean == pytest.approx(number)
    assert found.outcome == outcome


def test_a_claim_over_a_grid_says_where_it_holds() -> None:
    found = judged([1.0, None, 3.0], cells=lambda of: {"a": of("a", "mse") - 2, "b": of("b", "mse")})
    assert found.cells == {"a": 1, "b": 0}
    assert "over 2 settings: a: 1 of 2 seeds" in markdown([row(found)], [])


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
