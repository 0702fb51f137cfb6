"""What the page is made of, without a browser."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import report
from bench.claims import CLAIMS
from bench.cli import app
from bench.report.coverage import coverage
from bench.report.curves import curves, sweeps
from bench.report.page import script_json
from bench.report.provenance import command, provenance
from bench.report.structure import structure
from bench.request import parse_assignment
from bench.stats import t_interval
from bench.store import RunStore
from bench.verdicts import Verdict
from tests.report import factory

MOST_BYTES = 8_000_000


def test_page_of_a_whole_study_is_small(tmp_path: Path) -> None:
    records = factory.study()
    boards = factory.boards_of(records)
    path = report.write(records, boards, tmp_path, factory.artefacts(boards))
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES
    assert "sourceMappingURL" not in text
    assert "<link" not in text.replace('<link rel="icon" href="data:,">', "")
    assert text.count("<script>") == 2


def test_json_cannot_end_its_script() -> None:
    value = {"</script><!--": "\u2028 <script> \ud800 é &"}
    text = script_json(value)
    assert "<" not in text
    assert text.isascii()
    assert json.loads(text) == value


def test_names_are_escaped_everywhere(tmp_path: Path) -> None:
    records = factory.hostile()
    text = report.write(records, factory.boards_of(records), tmp_path).read_text(encoding="utf-8")
    assert factory.HOSTILE not in text
    assert "<img src=x" not in text


def test_a_name_that_utf8_cannot_write(tmp_path: Path) -> None:
    records = [factory.record("mp\udcff", metrics={"fvu": 0.5})]
    assert report.write(records, factory.boards_of(records), tmp_path).stat().st_size > 0


def test_claims_only_where_there_are_verdicts(tmp_path: Path) -> None:
    records = factory.study(models=("vae",), n_seeds=1)
    boards = factory.boards_of(records)
    assert 'id="claims"' not in report.write(records, boards, tmp_path).read_text(encoding="utf-8")
    verdict = Verdict(CLAIMS[0], "mnist", "reproduced", t_interval([0.1, 0.2, 0.15]), {0: 0.1, 1: 0.2, 2: 0.15}, 0)
    text = report.write(records, boards, tmp_path, verdicts=[verdict]).read_text(encoding="utf-8")
    assert 'id="claims"' in text
    assert "0.15 ± 0.12" in text


def test_keys_on_an_axis_become_curves() -> None:
    board = factory.boards_of(factory.study(models=("topk",)))[0]
    found = {curve["metric"]: curve for curve in curves(board.columns)}
    assert set(found) == {"roles", "inference_fvu"}
    assert found["roles"]["series"]["global"][0] == (0.3, "roles.global@0.3")
    assert [x for x, _ in found["inference_fvu"]["series"][""]] == [0.5, 1.0, 2.0, 4.0]


def test_sweeps_are_rows_that_differ_in_one_number() -> None:
    variants: list[dict[str, Any]] = [{"k": 8}, {"k": 4}, {"k": 4, "mask": False}, {"name": "a"}]
    variants += [{"k": 2, "mask": False}, {}]
    records = [factory.record("topk", variant=variant, metrics={"fvu": 0.1}) for variant in variants]
    board = factory.boards_of(records)[0]
    found = [[board.rows[i].variant for i in item["rows"]] for item in sweeps(board)]
    # The row without a variant has k = 10, its model's own.
    assert sorted(found, key=str) == [[variants[4], variants[2]], [variants[1], variants[0], variants[5]]]


def test_coverage_tells_missing_from_not_run() -> None:
    records = [
        factory.record("a", "mnist", 0, {"fvu": 1.0}),
        factory.record("a", "mnist", 1, status="timeout", error="too\nlong"),
        factory.record("b", "mnist", 0, status="cancelled"),
        factory.record("b", "fmnist", 0, {"fvu": 1.0}),
    ]
    found = coverage(factory.boards_of(records))
    (table,) = found["tables"]
    assert table["heads"] == [("fmnist", [0]), ("mnist", [0, 1])]
    states = {row["label"]: [cell["status"] for cell in row["cells"]] for row in table["rows"]}
    assert states == {"a": ["not run", "done", "timeout"], "b": ["done", "cancelled", "missing"]}
    assert [error["error"] for error in found["errors"]] == ["ValueError: too"]


def test_command_is_of_this_run_alone() -> None:
    spec = factory.record("topk", seed=3, variant={"k": 8, "name": "on", "sizes": [1, 2]}).spec
    words = shlex.split(command(spec))
    assert words[words.index("--seeds") + 1] == "3,"
    values = [parse_assignment(words[i + 1]) for i, word in enumerate(words) if word == "--set"]
    assert values == [("topk", "k", (8,)), ("topk", "name", ("on",)), ("topk", "sizes", ([1, 2],))]


def test_warnings() -> None:
    shared = factory.record("a", seed=0, metrics={"fvu": 1.0}).model_copy(update={"timings_shared": True})
    other = factory.record("a", seed=1, metrics={"fvu": 1.0}, commit="1234567890abcdef")
    older = factory.record("a", seed=2, metrics={"fvu": 1.0})
    older = older.model_copy(update={"spec": older.spec.model_copy(update={"max_steps": 7}), "provenance": {}})
    other.provenance["cluster"] = {"differs": ["torch 2.5"]}
    text = " ".join(provenance(factory.boards_of([shared, other, older]))["warnings"])
    for words in ("2 commits", "1 older run", "torch 2.5", "1 run had company"):
        assert words in text


def test_structure_is_of_the_lowest_seed_that_is_done_and_rounded() -> None:
    records = [
        factory.record("a", "mnist", 0, status="failed", error="no"),
        factory.record("a", "mnist", 1, {"fvu": 1.0}),
        factory.record("b", "mnist", 0, {"fvu": 1.0}),
    ]
    arrays = {"m": np.array([[1.0, np.nan], [0.123456, 1.0]]), "v": np.arange(300.0), "t": np.zeros((2, 3))}
    kept = report.Artefacts(
        arrays={records[1].run_id: arrays}, pictures={records[1].run_id: [("atoms", b"png")]},
        histories={records[1].run_id: {"step": [1.0, 2.0], "total": [0.5, float("nan")]}},
        class_names={"mnist": ("x", "y")},
    )  # fmt: skip
    found = structure(factory.boards_of(records)[0], kept)
    assert set(found) == {"a"}
    assert found["a"]["seed"] == 1
    assert found["a"]["matrices"] == {"m": {"values": [[1.0, None], [0.12, 1.0]], "names": ["x", "y"]}}
    assert (found["a"]["vectors"]["v"]["x"][0], found["a"]["vectors"]["v"]["x"][-1]) == (1, 300)
    assert found["a"]["history"] == {"x": [1.0, 2.0], "terms": {"total": [0.5, None]}}
    assert found["a"]["pictures"][0]["url"].startswith("data:image/png;base64,")


def test_verb(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for record in factory.study(models=("vae", "topk"), datasets=("mnist",), n_seeds=1):
        store.write_record(record)
    done = CliRunner().invoke(app, ["report", "--results", str(store.root), "--out", str(tmp_path)])
    assert done.exit_code == 0
    assert "Report: " in done.output
    assert "<h1>" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"step,total\n1,abc\n", b"step,total\n1\n", b"\xff\xfe"])
def test_artefacts_that_cannot_be_read_are_left_out(tmp_path: Path, content: bytes) -> None:
    store = RunStore(tmp_path)
    (tmp_path / "run").mkdir()
    for name in ("arrays.npz", "history.csv"):
        (tmp_path / "run" / name).write_bytes(content)
    assert store.read_arrays("run") == {}
    assert store.read_history("run") == {}
