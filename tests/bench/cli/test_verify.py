"""`bench verify --sample`: some runs of somebody's are carried out again, and their numbers compared."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.store.parsing import UnreadableRecord
from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench
from tests.results import put


def test_a_sample_of_honest_runs_gives_the_same_numbers_and_leaves_nothing(results: Path) -> None:
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    said = bench("verify", "--sample", "2", "--seed", "1", "--results", str(results))
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.count("the same numbers, bit for bit") == 2
    assert "2 of 2 runs agree." in said.stdout
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("factor", "code", "words"),
    [(1 + 1e-5, 0, "agrees within 0.001; most in fvu, by 1e-05"), (0.9, 1, "differs; most in fvu, by 0.1 of its size")],
)
def test_a_number_that_was_made_up_and_sealed_is_found(
    results: Path, tmp_path: Path, factor: float, code: int, words: str
) -> None:
    shutil.copytree(results, tmp_path / "theirs")
    store = RunStore(tmp_path / "theirs")
    record = store.find("mean")
    put(store, record.model_copy(update={"metrics": record.metrics | {"fvu": factor * record.metrics["fvu"]}}))
    said = bench("verify", "mean", "--sample", "5", "--results", str(store.root))
    assert said.returncode == code
    assert "1 run checked; 0 problems." in said.stdout, "its digest is right"
    assert words in said.stdout


def test_a_model_that_is_not_known_here_is_not_run(results: Path, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    spec = (
        RunStore(results).find("mean").spec.model_copy(update={"model": "theirs", "model_reference": "evil.py:Model"})
    )
    put(store, RunStore(results).find("mean").model_copy(update={"spec": spec, "run_id": spec.run_id, "files": {}}))
    said = bench("verify", "--sample", "1", "--results", str(tmp_path))
    assert said.returncode == 1
    assert "neither built in nor installed" in said.stdout
    assert "0 of 1 run agree" in said.stdout


def test_a_number_that_was_changed_by_hand_is_on_no_board_and_is_not_done(results: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    shutil.copytree(results, theirs)
    record = RunStore(theirs).find("mean")
    path = theirs / record.run_id / "record.json"
    path.write_text(path.read_text().replace(f'"fvu": {record.metrics["fvu"]}', '"fvu": 0.001', 1))
    board = bench("leaderboard", "--results", str(theirs))
    assert (board.returncode, "changed after it was written" in board.stdout) == (1, True)
    assert "0.001" not in (theirs / "leaderboard.md").read_text()
    with pytest.raises(UnreadableRecord, match="changed after it was written"):
        RunStore(theirs).load(record.run_id)
