"""Submissions on disk: numbered, written, read again, and what is none named and left out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bench.cluster import submission as submissions
from bench.cluster.logs import Logs
from bench.cluster.submission import Place, read_sent
from bench.errors import BenchError
from tests.bench.cluster.helpers import submitted


def test_what_is_no_submission_is_left_out(tmp_path: Path) -> None:
    root = submissions.root(tmp_path)
    for name, content in {"a": "{", "b": "[]", "c": '{"x": 3}'}.items():
        (root / name).mkdir(parents=True)
        (root / name / "runs.json").write_text(content, encoding="utf-8")
    (root / "lock").write_text("", encoding="utf-8")
    ours = submitted(tmp_path, [["a"], ["b"]])
    assert submissions.read_all(tmp_path) == [ours]


def test_one_look_at_each_folder_finds_all_logs(tmp_path: Path) -> None:
    ours = submitted(tmp_path, [["a"]])
    folder = ours.folder / ours.arrays[0].name
    (folder / "29_0_log.out").write_text("", encoding="utf-8")
    (folder / "x_y_0_log.out").write_text("", encoding="utf-8")  # no job's
    logs, place = Logs(), Place(ours, ours.arrays[0].name, 0)
    found = logs.find(place)
    assert found == folder / "29_0_log.out"
    found.unlink()
    assert logs.find(place) == found, "listed once"


def test_what_the_jobs_need_to_know_comes_back_as_it_was(tmp_path: Path) -> None:
    ours = submitted(tmp_path, [["a"]], metrics=("fvu", "/home/me/own.py:mine"), device="cuda", force=True)
    sent = read_sent(ours.folder)
    assert sent == ours.sent
    assert (sent.metrics, sent.device, sent.force) == (("fvu", "/home/me/own.py:mine"), "cuda", True)


def test_a_submission_from_before_metrics_could_be_named_measures_all(tmp_path: Path) -> None:
    ours = submitted(tmp_path, [["a"]])
    file = ours.folder / "submission.json"
    text = ours.sent.model_dump_json(exclude={"metrics"})
    file.write_text(text, encoding="utf-8")
    assert read_sent(ours.folder).metrics == ("all",)


def test_a_submission_that_cannot_be_read_is_to_be_submitted_again(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="Submit the runs again"):
        read_sent(tmp_path)


def test_all_places_of_a_run_are_known_the_newest_last(tmp_path: Path) -> None:
    older = submitted(tmp_path, [["a"], ["b", "c"]])
    newer = submitted(tmp_path, [["d", "b"]], name="000001-bbbb")
    places = submissions.places(submissions.read_all(tmp_path))
    assert {run_id: [(place.submission.id, place.number) for place in found] for run_id, found in places.items()} == {
        "a": [(older.id, 0)],
        "b": [(older.id, 1), (newer.id, 0)],
        "c": [(older.id, 1)],
        "d": [(newer.id, 0)],
    }


def test_submissions_have_an_order_that_no_clock_decides(tmp_path: Path) -> None:
    assert submissions.new_id(tmp_path).startswith("000001-")
    names = ["20301231-235959-0000", "20260101-000000-aaaa", "000012-3fa2", "000009-ffff", "1000000-0000"]
    for name in names:
        submitted(tmp_path, [["a"]], name=name)
    found = [submission.id for submission in submissions.read_all(tmp_path)]
    assert found == ["20260101-000000-aaaa", "20301231-235959-0000", "000009-ffff", "000012-3fa2", "1000000-0000"]
    assert submissions.new_id(tmp_path).startswith("1000001-"), "one more than the greatest"
    (submissions.root(tmp_path) / "999999999-0000").mkdir()
    with pytest.raises(BenchError, match="no number left"):
        submissions.new_id(tmp_path)


def test_a_number_is_taken_by_a_submission_that_cannot_be_read(tmp_path: Path) -> None:
    (submissions.root(tmp_path) / "000007-0000").mkdir(parents=True)
    assert submissions.new_id(tmp_path).startswith("000008-")


def test_what_is_replaced_is_written_down(tmp_path: Path) -> None:
    assert submitted(tmp_path, [["a"]], name="000001-aaaa", replaces={"a": "x"}).replaces == {"a": "x"}
    assert submitted(tmp_path, [["a"]]).replaces is None, "as earlier versions left it"
    assert [found.replaces for found in submissions.read_all(tmp_path)] == [None, {"a": "x"}]


ARRAY = "bench-000002-bbbb-0"
STRANGE = {
    "not json": "{",
    "a list": "[]",
    "a number of jobs": f'{{"{ARRAY}": 3}}',
    "runs that are numbers": f'{{"{ARRAY}": [[3]]}}',
    "a run elsewhere": f'{{"{ARRAY}": [["../.."]]}}',
    "an array elsewhere": '{"../../x": [["a"]]}',
    "another submission's array": '{"bench-000001-aaaa-0": [["a"]]}',
    "nested without end": f'{{"{ARRAY}": {"[" * 100_000}',
    "half characters": f'{{"{ARRAY}": [["\\ud800"]]}}',
}


@pytest.mark.parametrize("content", STRANGE.values(), ids=STRANGE)
def test_runs_that_are_none_are_named_in_a_line(tmp_path: Path, content: str) -> None:
    good = submitted(tmp_path, [["a"]], name="000001-aaaa")
    bad = submitted(tmp_path, [["a"]], name="000002-bbbb")
    (bad.folder / "runs.json").write_text(content, encoding="utf-8")
    found, unreadable = submissions.scan(tmp_path)
    assert found == [good]
    assert list(unreadable) == [bad.folder]
    assert "\n" not in unreadable[bad.folder]
    assert len(unreadable[bad.folder]) < 400


@pytest.mark.parametrize("file", ["runs.json", "submission.json", "replaces.json"])
@pytest.mark.parametrize("kind", ["pipe", "huge", "folder", "a word", "dangling link"])
def test_files_of_all_kinds_are_left_alone(tmp_path: Path, file: str, kind: str) -> None:
    bad = submitted(tmp_path, [["a"]], name="000002-bbbb", replaces={})
    path = bad.folder / file
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "a word":
        path.write_text('"word"', encoding="utf-8")
    elif kind == "dangling link" and file != "replaces.json":
        path.symlink_to(tmp_path / "absent")
    else:
        with path.open("wb") as huge:
            huge.truncate(100 * 2**20)
    found, unreadable = submissions.scan(tmp_path)
    assert found == []
    assert list(unreadable) == [bad.folder]


def test_a_submission_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    ours = submitted(tmp_path / "theirs", [["a"]], name="000002-bbbb")
    submissions.root(tmp_path).mkdir()
    (submissions.root(tmp_path) / "000002-bbbb").symlink_to(ours.folder)
    assert submissions.scan(tmp_path).all == []
    assert "a link" in next(iter(submissions.scan(tmp_path).unreadable.values()))


def test_a_folder_that_was_moved(tmp_path: Path) -> None:
    here = submitted(tmp_path / "new", [["a"]], results=str(tmp_path / "new"))
    moved = submitted(tmp_path / "new", [["a"]], name="000002-bbbb", results=str(tmp_path / "old"))
    assert (here.moved, moved.moved) == (False, True)
    (tmp_path / "old").symlink_to(tmp_path / "new")
    assert not moved.moved, "a link leads there"


def test_a_folder_that_was_copied(tmp_path: Path) -> None:
    first = submitted(tmp_path / "first", [["a"]], results=str(tmp_path / "first"))
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    (tmp_path / "link").symlink_to(tmp_path / "first")
    (copy,), (linked,) = (submissions.read_all(tmp_path / name) for name in ("second", "link"))
    assert (first.copied, copy.copied, linked.copied) == (False, True, False)
    assert not copy.moved
    shutil.rmtree(first.folder)
    (copy,) = submissions.read_all(tmp_path / "second")
    assert (copy.copied, copy.moved) == (False, True), "its jobs look for what is not there any more"
