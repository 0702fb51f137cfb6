"""What the page is made of, without a browser."""

from __future__ import annotations

import base64
import json
import math
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.show.captions import Captions, read_captions
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from typer.testing import CliRunner

from bench.claims.catalogue import CLAIMS
from bench.claims.verdict import Verdict
from bench.cli.app import app
from bench.compare.stats import t_interval
from bench.plan.request import parse_assignment
from bench.show import report
from bench.show.claims import row, write_claims
from bench.show.histograms import histogram
from bench.show.report.artefacts import Artefacts, gather
from bench.show.report.coverage import coverage
from bench.show.report.curves import curves, sweeps
from bench.show.report.packing import script_json
from bench.show.report.pictures import pictures
from bench.show.report.provenance import command, provenance
from bench.show.report.structure import structure
from bench.show.tables import Tables
from bench.store.runs import RunStore
from models import FAMILIES, MODELS
from tests.bench.show.report import factory

MOST_BYTES = 8_000_000


def test_page_of_a_whole_study_is_small(tmp_path: Path) -> None:
    records = factory.study()
    boards = factory.boards_of(records)
    path = report.write(records, Tables(boards), tmp_path, factory.store_of(boards, tmp_path / "runs"))
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES
    assert "sourceMappingURL" not in text
    assert "<link" not in text.replace('<link rel="icon" href="data:,">', "")
    assert text.count("<script>") == 1


def test_json_cannot_end_its_script() -> None:
    value = {"</script><!--": "\u2028 <script> \ud800 é &"}
    text = script_json(value)
    assert "<" not in text
    assert text.isascii()
    assert json.loads(text) == value


def test_names_are_escaped_everywhere(tmp_path: Path) -> None:
    records = factory.hostile()
    text = report.write(records, Tables(factory.boards_of(records)), tmp_path, RunStore(tmp_path)).read_text(
        encoding="utf-8"
    )
    assert factory.HOSTILE not in text
    assert "<img src=x" not in text


def test_a_name_that_utf8_cannot_write(tmp_path: Path) -> None:
    records = [factory.record("mp\udcff", metrics={"fvu": 0.5})]
    assert report.write(records, Tables(factory.boards_of(records)), tmp_path, RunStore(tmp_path)).stat().st_size > 0


def test_claims_only_where_there_are_verdicts(tmp_path: Path) -> None:
    records = factory.study(models=("vae",), n_seeds=1)
    boards, store = factory.boards_of(records), RunStore(tmp_path)
    assert 'id="claims"' not in report.write(records, Tables(boards), tmp_path, store).read_text(encoding="utf-8")
    verdict = Verdict(CLAIMS[0], "mnist", "reproduced", t_interval([0.1, 0.2, 0.15]), {0: 0.1, 1: 0.2, 2: 0.15}, 0)
    write_claims([row(verdict)], records, tmp_path)
    text = report.write(records, Tables(boards), tmp_path, store).read_text(encoding="utf-8")
    assert 'id="claims"' in text
    assert "0.15 ± 0.12" in text
    (tmp_path / "claims.json").write_text('[{"id": "<b>"}]', encoding="utf-8")
    text = report.write(records, Tables(boards), tmp_path, store).read_text(encoding="utf-8")
    assert "claims.json&#39; cannot be read" in text


def test_pictures_are_embedded_while_there_is_room_then_linked(tmp_path: Path) -> None:
    boards = factory.boards_of(factory.study(models=("topk", "vae"), datasets=("mnist",), n_seeds=2))
    root = tmp_path / "javascript:alert(1)" / "100%25 #runs?"
    store = factory.store_of(boards, root)
    first, second = (run.run_id for run in boards[0].representatives.values())
    size = len(script_json(pictures(boards, store, tmp_path, 10**9)[first]))
    found = pictures(boards, store, tmp_path, size)
    assert all("png" in entry for entry in found[first])
    assert [entry["link"] for entry in found[second]] == [
        f"./javascript%3Aalert%281%29/100%2525%20%23runs%3F/{second}/{name}.png" for name in ("traversals", "atoms")
    ]
    assert found[first][0]["rows"] == ("unit 3, global\nin <b>7", "unit 5, dead\nin 9")
    assert (found[first][1]["rows"], found[first][1]["columns"]) == ((), ())


@pytest.mark.parametrize("content", [b"", b"not a picture", factory.sheet(np.random.default_rng(0))[:-20]])
def test_a_damaged_picture_is_left_out(content: bytes) -> None:
    assert read_captions(content) is None


def test_a_picture_of_many_or_long_labels_is_cut() -> None:
    found = read_captions(factory.sheet(np.random.default_rng(0), ("x" * 1000,) * 1000))
    assert found == Captions(("x" * 80,) * 64)


DAMAGED = {
    "no numbers": {"class_rates": np.array([["a", "b"]] * 3), "density": np.array(["x", "y"]), "m": np.eye(2) * 1j},
    "other numbers": {"class_rates": np.eye(3, dtype=">u2"), "density": np.array([True, False]), "m": np.eye(2) > 0},
    "none": {"class_rates": np.full((3, 4), np.nan), "density": np.full(4, np.inf), "m": np.full((2, 2), np.nan)},
    "hardly different": {
        "norms": np.array([0.1, np.nextafter(0.1, 1)]),
        "tiny": np.array([0, 1e-307]),
        "c": np.ones(9),
    },
    "huge": {"density": np.array([1e308, -1e308, 0.0]), "m": np.full((2, 2), 1e308)},
    "empty": {"class_rates": np.zeros((3, 0)), "density": np.zeros(0), "m": np.zeros((0, 0))},
}


@pytest.mark.parametrize("arrays", DAMAGED.values(), ids=DAMAGED)
def test_no_array_costs_the_page(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    records = [factory.record("a", "mnist", 0, {"fvu": 1.0})]
    store = RunStore(tmp_path)
    store.path(records[0].run_id).mkdir()
    np.savez(store.path(records[0].run_id, "arrays.npz"), allow_pickle=False, **arrays)
    store.path(records[0].run_id, "history.csv").write_text("step,total\n,1\ninf,2\n3,0.5\n", encoding="utf-8")
    report.write(records, Tables(factory.boards_of(records)), tmp_path, store)
    (found,) = structure(factory.boards_of(records)[0], gather(store, factory.boards_of(records))).values()
    assert found["history"] == {"x": [3.0], "terms": {"total": [0.5]}}
    for item in found["vectors"].values():
        assert all(b > a for a, b in pairwise(item["edges"]))


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(allow_subnormal=False)))
def test_any_vector_has_a_histogram_that_counts_its_finite_values(values: np.ndarray) -> None:
    found = histogram(values)
    assert sum(found["counts"]) + found["zeros"] == (np.abs(values) <= 1e300).sum()
    assert all(math.isfinite(edge) for edge in found["edges"])
    assert all(b > a for a, b in pairwise(found["edges"]))


def test_a_damaged_archive_has_no_arrays(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    path = store.path("run", "arrays.npz")
    path.parent.mkdir()
    np.savez_compressed(path, allow_pickle=False, density=np.arange(100.0))
    content = path.read_bytes()
    for at in range(0, len(content), 3):
        path.write_bytes(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :])
        assert store.read_arrays("run").keys() <= {"density"}
    np.save(path.with_suffix(".npy"), np.arange(3))
    path.with_suffix(".npy").replace(path)
    assert store.read_arrays("run") == {}


def test_numbers_and_names_at_the_edge_of_what_there_is(tmp_path: Path) -> None:
    odd = {"babel.1/0": 1.0, "babel.1/00": 1.0, "babel.x@1/000": 2.0, f"babel.{'1' * 400}": 3.0}
    records = [factory.record("\u202eevil", "mnist", seed, odd | {"fvu": 1e200 * (seed + 1)}) for seed in range(3)]
    boards = factory.boards_of(records)
    Tables(boards).write(tmp_path)
    text = report.write(records, Tables(boards), tmp_path, RunStore(tmp_path)).read_text(encoding="utf-8")
    assert "\u202e" not in text
    assert boards[0].rows[0].intervals["fvu"].half_width is None


def test_histograms_count_everything_once() -> None:
    values = np.array([0.0, 0.0, 0.001, 0.01, 0.5, 1.0, np.nan, np.inf])
    found = histogram(values)
    assert (found["log"], found["zeros"], sum(found["counts"])) == (True, 2, 4)
    assert (found["edges"][0], found["edges"][-1]) == (-3, 0)
    assert found["counts"] == np.histogram(np.log10(values[2:6]), 30)[0].tolist()
    linear = histogram(np.array([-1.0, 0.0, 1.0]))
    assert (linear["log"], linear["zeros"], sum(linear["counts"])) == (False, 0, 3)
    assert histogram(np.full(3, np.nan))["counts"] == []
    assert sum(histogram(np.zeros(4))["counts"]) == 4


def test_units_are_ordered_by_role_and_the_last_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    board = factory.boards_of([factory.record("a", "mnist", 0, {"fvu": 1.0})])[0]
    rates = np.array([[0.0, 0.6, 0.9, 0.2], [0.0, 0.1, 0.9, 0.2]])
    gamma = np.array([[0.1, 0.2, 0.4, 0.6], [0.5, 0.7, 0.8, 1.0]])
    for arrays, kind, values in (({}, "class_rates", rates), ({"class_gamma": gamma}, "class_gamma", gamma)):
        kept = Artefacts(arrays={board.records[0].run_id: {"class_rates": rates, **arrays}})
        found = structure(board, kept)["a"]["units"]
        assert (found["kind"], found["order"]) == (kind, [2, 1, 3, 0])
        assert found["roles"] == [("global", 1), ("exclusive", 1), ("no role", 1), ("dead", 1)]
        steps = np.frombuffer(base64.b64decode(found["steps"]), np.uint8).reshape(2, 4)
        assert steps == pytest.approx(255 * values[:, [2, 1, 3, 0]], abs=0.51)
    monkeypatch.setattr("bench.show.report.structure.MOST_UNITS", 2)
    assert structure(board, kept)["a"]["units"]["order"] == [2, 1]


def test_every_model_has_one_family() -> None:
    assert sorted(model for members in FAMILIES.values() for model in members) == sorted(MODELS)


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
    kept = Artefacts(
        arrays={records[1].run_id: arrays},
        histories={records[1].run_id: {"step": [1.0, 2.0], "total": [0.5, float("nan")]}},
        class_names={"mnist": ("x", "y")},
    )  # fmt: skip
    found = structure(factory.boards_of(records)[0], kept)
    assert set(found) == {"a", "b"}
    assert (found["a"]["seed"], found["a"]["run"]) == (1, records[1].run_id)
    assert found["a"]["matrices"] == {"m": {"values": [[1.0, None], [0.12, 1.0]], "names": ["x", "y"]}}
    assert sum(found["a"]["vectors"]["v"]["counts"]) + found["a"]["vectors"]["v"]["zeros"] == 300
    assert found["a"]["history"] == {"x": [1.0, 2.0], "terms": {"total": [0.5, None]}}


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
