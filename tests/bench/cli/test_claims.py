"""`bench claims`: what it runs, prints and writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.compare.stats import t_interval
from bench.show.claims import row, write_claims
from bench.store.runs import RunStore
from tests.bench.claims.test_verdict import judged
from tests.bench.cli.helpers import bench


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
    metrics = {key for record in RunStore(tmp_path / "runs").scan().records for key in record.metrics}
    assert metrics == {"absorption"}
    again = bench(*flags)
    assert "12 done, 0 failed, 0 to run; nothing to do" in again.stdout
    assert again.returncode == 0


def test_a_bad_seed_or_claim_is_one_message(tmp_path: Path) -> None:
    for flags, words in ((("--claims", "Z1"), "Unknown claim 'Z1'"), (("--seeds", "none"), "seeds")):
        done = bench("claims", *flags, "--results", str(tmp_path))
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_claims_on_own_data(tmp_path: Path) -> None:
    np.save(tmp_path / "acts.npy", np.random.default_rng(0).random((200, 8)))
    flags = ("claims", "--seeds", "3", "--budget", "smoke", "--results", str(tmp_path / "runs"))
    own = (*flags, "--datasets", str(tmp_path / "acts.npy"), "--set", "n_latents=16", "--set", "k=2")
    refused = bench(*own, "--claims", "B1b,B4")
    assert refused.returncode == 2
    assert "B4: no sample has a label ('acts')" in refused.stderr
    assert not (tmp_path / "runs").exists()
    done = bench(*own, "--claims", "B1b")
    assert done.returncode == 0, done.stdout + done.stderr
    (entry,) = json.loads((tmp_path / "runs" / "claims.json").read_text(encoding="utf-8"))
    records = RunStore(tmp_path / "runs").scan().records
    assert {(r.spec.config["n_latents"], r.spec.config["k"], r.spec.dataset) for r in records} == {(16, 2, "acts")}
    fvu = {(record.spec.model, record.spec.seed): record.metrics["fvu"] for record in records}
    for seed in range(3):
        gains = [fvu["topk", seed] - fvu[model, seed] for model in ("topk-l1", "topk-hoyer")]
        assert entry["effects"][str(seed)] == pytest.approx(max(gains, key=abs))
    assert entry["dataset"] == "acts"
    more = bench(*own, "--claims", "B1b,B7").stdout
    words = "9 runs done before without metrics that are asked for: `python -m bench evaluate --metrics tail_ratio"
    assert words in more
    rest = bench(*own, "--dry-run")
    assert "Left out, since the data lack what they are about: A1, " in rest.stdout
