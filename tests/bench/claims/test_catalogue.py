"""The catalogue: what is declared can be run and measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.claims.catalogue import CLAIMS
from bench.claims.study import runs_of
from bench.claims.verdict import Claim
from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY

ASKED = [*(f"A{i}" for i in range(1, 5)), "V2", "V3", "V4", "V6", *(f"M{i}" for i in range(1, 8)), "M2b"]
ASKED += ["A5", "A5b", "A5c", "A6", "A6-gamma", "A7", "A7-gamma", "M8", "M8b", "M9"]
ASKED += ["V3-mu", "V3b-mu", "V6-uai", "S5b", "S6c"]
ASKED += [*(f"S{i}" for i in range(1, 8)), *(f"B{i}" for i in range(1, 8))]


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

    assert np.isfinite(entry.effect(score)).all()
    assert set(asked) <= set(METRIC_REGISTRY.plugins)
    names = {plugin.name for plugin in DATASET_REGISTRY.choose(entry.datasets)}
    runs = runs_of([entry], (0, 1), "quick", tmp_path)
    assert {key[1] for key in runs} == names
    assert all(set(arms) == set(entry.arms) for arms in runs.values())
