"""Claims on one's own data: those stay that the data can speak to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.claims.own_data import moved
from bench.claims.study import choose, runs_of


def left_out(names: str, x: Path) -> dict[str, str]:
    return moved(choose(names), (str(x),), x.parent).left_out


def test_a_claim_needs_what_its_metrics_and_its_models_ask_of_the_data(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((90, 6))
    np.savez(tmp_path / "bare.npz", x=x)
    np.savez(tmp_path / "classes.npz", x=x, labels=np.arange(90) % 3)
    np.savez(tmp_path / "related.npz", x=x, labels=np.arange(90) % 3, categories=["a", "a", "b"])
    asked = "B1,B4,A3,A5,M7"  # of no labels, of labels, of categories, of a model that needs labels, of known factors
    bare = left_out(asked, tmp_path / "bare.npz")
    assert bare.keys() == {"B4", "A3", "A5", "M7"}
    assert bare["B4"] == "no sample has a label ('bare')"
    assert "('vsc-aligned')" in bare["A5"]
    assert left_out(asked, tmp_path / "classes.npz").keys() == {"A3", "M7"}
    assert left_out(asked, tmp_path / "related.npz").keys() == {"M7"}
    assert left_out("M7", Path("hierarchy")) == {}


def test_claims_that_stay_are_about_the_data_that_were_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(len(name)).random((40, 6)))
    datasets = [str(tmp_path / "one.npy"), f"{tmp_path / 'two.npy'}:normalise=unit"]
    found = moved(choose("B1,S1"), datasets, tmp_path)
    assert [claim.id for claim in found.claims] == ["B1", "S1"]
    names = {name for _, name in runs_of(found.claims, (0,), "smoke", tmp_path)}
    assert names == {"one", "two unit"}
