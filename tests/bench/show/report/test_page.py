"""The page as one file: its size, what may stand in it, its claims, its verb."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.claims.catalogue import CLAIMS
from bench.claims.verdict import decide
from bench.cli import boards as verbs
from bench.errors import BenchError
from bench.show import report
from bench.show.claims import row, write_claims
from bench.show.report.artefacts import gather
from bench.show.report.page import MAX_BYTES, environment
from bench.show.report.pictures import pictures
from bench.show.report.shown import first_runs
from bench.show.tables import Tables, write_texts
from bench.store.runs import RunStore
from tests.bench.show.report import factory
from tests.results import put

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


def test_what_stands_between_backticks_is_code_and_all_else_is_text() -> None:
    shown = environment().from_string("{{ words | coded }}").render(words="`--settings matched` of <b>, `a < b`")
    assert shown == "<code>--settings matched</code> of &lt;b&gt;, <code>a &lt; b</code>"


def test_names_are_escaped_everywhere(tmp_path: Path) -> None:
    records = factory.hostile()
    text = report.write(records, Tables(factory.boards_of(records)), tmp_path, RunStore(tmp_path)).read_text(
        encoding="utf-8"
    )
    assert factory.HOSTILE not in text
    assert "<img src=x" not in text


def test_a_name_that_utf8_cannot_write(tmp_path: Path) -> None:
    records = [factory.record("mp", metrics={"fvu": 0.5}, variant={"field": "\udcff"})]
    assert report.write(records, Tables(factory.boards_of(records)), tmp_path, RunStore(tmp_path)).stat().st_size > 0


def test_pictures_of_a_large_study_take_little_time(tmp_path: Path) -> None:
    records = factory.study(models=tuple(f"model-{i}" for i in range(34)), datasets=("mnist",), n_seeds=2)
    boards = factory.boards_of(records)
    left = gather(factory.store_of(boards, tmp_path), first_runs(boards))
    start = time.process_time()
    assert len(pictures(list(left), left, MAX_BYTES)) == 34
    assert time.process_time() - start < 3  # a second on a slow machine


def test_claims_only_where_there_are_verdicts(tmp_path: Path) -> None:
    records = factory.study(models=("vae",), n_seeds=1)
    boards, store = factory.boards_of(records), RunStore(tmp_path)
    assert 'id="claims"' not in report.write(records, Tables(boards), tmp_path, store).read_text(encoding="utf-8")
    verdict = decide(CLAIMS[0], "mnist", {0: 0.1, 1: 0.2, 2: 0.15}, {}, 0)
    write_claims([row(verdict)], records, tmp_path)
    text = report.write(records, Tables(boards), tmp_path, store).read_text(encoding="utf-8")
    assert 'id="claims"' in text
    assert "0.15 ± 0.12" in text
    (tmp_path / "claims.json").write_text('[{"id": "<b>"}]', encoding="utf-8")
    text = report.write(records, Tables(boards), tmp_path, store).read_text(encoding="utf-8")
    assert "claims.json&#39; cannot be read" in text


def test_numbers_and_names_at_the_edge_of_what_there_is(tmp_path: Path) -> None:
    odd = {"babel.1/0": 1.0, "babel.1/00": 1.0, "babel.x@1/000": 2.0, f"babel.{'1' * 400}": 3.0}
    records = [factory.record("\u202eevil", "mnist", seed, odd | {"fvu": 1e200 * (seed + 1)}) for seed in range(3)]
    boards = factory.boards_of(records)
    Tables(boards).write(tmp_path)
    text = report.write(records, Tables(boards), tmp_path, RunStore(tmp_path)).read_text(encoding="utf-8")
    assert "\u202e" not in text
    assert boards[0].rows[0].intervals["fvu"].half_width is None


def test_verb(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for record in factory.study(models=("vae", "topk"), datasets=("mnist",), n_seeds=1):
        put(store, record)
    done = CliRunner().invoke(verbs.app, ["report", "--results", str(store.root), "--out", str(tmp_path)])
    assert done.exit_code == 0
    assert "Report: " in done.output
    assert "<h1>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("Bold and ranks are two tests") == 2


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(BenchError, match=r"/report.html' cannot be written \(Is a directory\); name another folder"):
        write_texts({"report.html": ""}, tmp_path)
