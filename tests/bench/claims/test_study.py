"""From claims to runs, and back to verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.claims.study import all_specs, blurred, choose, metrics_read, runs_of, verdicts
from bench.errors import BenchError
from bench.plan.request import Request
from bench.store.failure import failed_record
from bench.store.record import Record


def test_claims_share_their_runs(tmp_path: Path) -> None:
    alone = [len(all_specs(runs_of([entry], (0,), "quick", tmp_path))) for entry in choose("M4,M5")]
    together = all_specs(runs_of(choose("M4,M5"), (0,), "quick", tmp_path))
    assert alone == [3, 3]
    assert len(together) == 3


def test_the_metrics_are_those_that_the_effects_read() -> None:
    assert metrics_read(choose("A4,M2")) == ["class_specific_units", "global_units", "inference_fvu"]
    assert metrics_read(choose("S4")) == ["explained_variance"]


def test_an_unknown_claim_is_named() -> None:
    with pytest.raises(BenchError, match="Unknown claim 'A9'"):
        choose("A9")


def test_without_records_nothing_is_claimed(tmp_path: Path) -> None:
    chosen = choose(None)
    found = verdicts(chosen, runs_of(chosen, (0, 1, 2), "quick", tmp_path), [])
    assert {verdict.outcome for verdict in found} == {"not run"}
    assert all(verdict.missing == 3 for verdict in found)


def test_a_claim_that_is_named_twice_is_checked_once_and_in_the_order_of_the_names() -> None:
    assert [claim.id for claim in choose("M5, A1,M5")] == ["M5", "A1"]


def test_whole_seeds_come_first(tmp_path: Path) -> None:
    seeds = [spec.seed for spec in all_specs(runs_of(choose("M4,B1"), (0, 1), "quick", tmp_path))]
    assert seeds == sorted(seeds)


def test_only_runs_that_are_done_count(tmp_path: Path) -> None:
    (claim,) = choose("A2")
    runs = runs_of([claim], (0, 1), "quick", tmp_path)
    records = [
        Record(run_id=spec.run_id, spec=spec, status="done", metrics={"gamma_jsd.gap": 0.5})
        if spec.seed
        else failed_record(spec, ValueError("no"))
        for spec in all_specs(runs)
    ]
    found = verdicts([claim], runs, records)
    assert [verdict.dataset for verdict in found] == list(claim.datasets)
    assert all(verdict.effects == {1: 0.5} and verdict.missing == 1 for verdict in found)


def test_values_that_are_asked_for_take_the_place_of_the_claims_own(tmp_path: Path) -> None:
    asked = Request.build(set=["n_latents=64", "topk.k=3"]).set
    runs = runs_of(choose("B1"), (0,), "quick", tmp_path, asked)
    configs = {arm: by_seed[0].config for arm, by_seed in runs["B1", "mnist"].items()}
    assert {arm: (config["n_latents"], config["k"]) for arm, config in configs.items()} == {
        "topk": (64, 3),
        "l1": (64, 10),
        "hoyer": (64, 10),
    }
    assert all(config["batch_size"] == 128 for config in configs.values())


@pytest.mark.parametrize(
    ("claims", "asked", "words"),
    [
        ("B1", "width=3", "Unknown field of any model of the claims 'width'"),
        ("B1", "mp.k=3", "Unknown model in --set 'mp'"),
        ("B1", "topk.penalty_weight=3", "Unknown field of topk 'penalty_weight'"),
        ("B1", "k=[3,4]", "one value"),
        ("M2,M3", "k=3", "'mp 5' and 'mp 10' of claim M3 are the same"),
    ],
)
def test_values_that_leave_nothing_to_compare_are_refused(claims: str, asked: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=words):
        runs_of(choose(claims), (0,), "quick", tmp_path, Request.build(set=[asked]).set)


def test_claims_that_a_value_makes_void_are_named(tmp_path: Path) -> None:
    asked = Request.build(set=["k=3"]).set
    assert blurred(choose("M2,M3,B1"), "quick", tmp_path, asked) == {"M3": "'mp 5' and 'mp 10'"}
