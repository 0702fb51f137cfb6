"""Claims: what is declared can be run and measured, and a verdict follows from the interval alone."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.claims.catalogue import CLAIMS
from bench.claims.study import all_specs, choose, runs_of, verdicts
from bench.claims.verdict import Arm, Claim, judge
from bench.compare.stats import t_interval
from bench.errors import BenchError
from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY
from bench.show.claims import row, write_claims
from bench.store.spec import Record, RunSpec
from tests.bench.cli.test_cli import bench

ASKED = [*(f"A{i}" for i in range(1, 5)), "V2", "V3", "V4", "V6", *(f"M{i}" for i in range(1, 8))]
ASKED += [*(f"S{i}" for i in range(1, 8)), *(f"B{i}" for i in range(1, 8))]


def claim(**fields: object) -> Claim:
    """A claim that the score of model a is above that of model b."""
    arms = {"a": Arm("topk"), "b": Arm("mean")}
    words = dict.fromkeys(("id", "paper", "claim", "metric", "comparison", "expected"), "word")
    given = {"datasets": ("digits",), "arms": arms, "effect": lambda of: of("a", "mse") - of("b", "mse")}
    return Claim(**(words | given | fields))  # type: ignore[arg-type]


def judged(effects: list[float | None], **fields: object) -> object:
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
    assert verdict.outcome == outcome  # type: ignore[attr-defined]
    assert verdict.missing == effects.count(None)  # type: ignore[attr-defined]


def test_noise_is_rarely_taken_for_an_effect() -> None:
    rng = np.random.default_rng(0)
    outcomes = [judged(list(rng.normal(size=6))).outcome for _ in range(1000)]  # type: ignore[attr-defined]
    decided = sum(outcome != "inconclusive" for outcome in outcomes)
    assert 25 <= decided <= 80, "5% by construction, binomial error 0.7%"


def test_every_claim_that_was_asked_for_is_there_once() -> None:
    ids = [entry.id for entry in CLAIMS]
    assert len(set(ids)) == len(ids)
    assert set(ASKED) <= set(ids)


@pytest.mark.parametrize("entry", CLAIMS, ids=lambda entry: entry.id)
def test_a_claim_asks_for_models_fields_metrics_and_data_that_exist(entry: Claim, tmp_path: Path) -> None:
    asked = []

    def score(arm: str, metric: str) -> float:
        assert arm in entry.arms
        asked.append(metric.partition(".")[0])
        return float(len(asked)) ** 1.5

    assert math.isfinite(entry.effect(score))
    assert set(asked) <= set(METRIC_REGISTRY.plugins)
    assert set(entry.datasets) <= set(DATASET_REGISTRY.plugins)
    runs = runs_of([entry], (0, 1), "quick", tmp_path)
    assert {key[1] for key in runs} == set(entry.datasets)
    assert all(set(arms) == set(entry.arms) for arms in runs.values())


def test_claims_share_their_runs(tmp_path: Path) -> None:
    alone = [len(all_specs(runs_of([entry], (0,), "quick", tmp_path))) for entry in choose("M4,M5")]
    together = all_specs(runs_of(choose("M4,M5"), (0,), "quick", tmp_path))
    assert alone == [3, 3]
    assert len(together) == 3


def test_an_unknown_claim_is_named() -> None:
    with pytest.raises(BenchError, match="Unknown claim 'A9'"):
        choose("A9")


def test_without_records_nothing_is_claimed(tmp_path: Path) -> None:
    chosen = choose(None)
    found = verdicts(chosen, runs_of(chosen, (0, 1, 2), "quick", tmp_path), [])
    assert {verdict.outcome for verdict in found} == {"not run"}
    assert all(verdict.missing == 3 for verdict in found)


def test_the_files_say_what_the_verdict_says(tmp_path: Path) -> None:
    verdict = judged([1.0, 1.2, None, 0.8, 1.0])
    write_claims([row(verdict)], [], tmp_path)
    (entry,) = json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))
    assert entry["effects"] == {"0": 1.0, "1": 1.2, "3": 0.8, "4": 1.0}
    assert (entry["observed"], entry["ci95"]) == pytest.approx(t_interval(list(entry["effects"].values())))
    assert (entry["verdict"], entry["missing"]) == ("reproduced", 1)
    assert "1.00 ± 0.26" in (tmp_path / "claims.md").read_text(encoding="utf-8")
    assert "4 of 5" in (tmp_path / "claims.md").read_text(encoding="utf-8")


def test_the_command_runs_judges_and_resumes(tmp_path: Path) -> None:
    flags = ("claims", "--claims", "M7", "--seeds", "3", "--budget", "smoke", "--results", str(tmp_path / "runs"))
    first = bench(*flags)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Plan: 12 runs = 4 models x 1 dataset x 3 seeds (1 claim, smoke budget)" in first.stdout
    (entry,) = json.loads((tmp_path / "runs" / "claims.json").read_text(encoding="utf-8"))
    assert entry["verdict"] in first.stdout
    assert pd.read_csv(tmp_path / "runs" / "claims.csv")["verdict"].tolist() == [entry["verdict"]]
    assert entry["claim"] in (tmp_path / "runs" / "claims.md").read_text(encoding="utf-8")
    again = bench(*flags)
    assert "12 done, 0 failed, 0 to run; nothing to do" in again.stdout
    assert again.returncode == 0


def test_a_bad_seed_or_claim_is_one_message(tmp_path: Path) -> None:
    for flags, words in ((("--claims", "Z1"), "Unknown claim 'Z1'"), (("--seeds", "none"), "seeds")):
        done = bench("claims", *flags, "--results", str(tmp_path))
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr
