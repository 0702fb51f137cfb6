"""Submissions on disk: written, read again, and what is none left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cluster import submission as submissions
from bench.cluster.submission import read_sent
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
    folder.mkdir()
    (folder / "29_0_log.out").write_text("", encoding="utf-8")
    logs = submissions.Logs()
    found = logs.find(ours, ours.arrays[0].name, 0)
    assert found == folder / "29_0_log.out"
    found.unlink()
    assert logs.find(ours, ours.arrays[0].name, 0) == found, "listed once"


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


def test_the_newest_place_of_a_run_counts(tmp_path: Path) -> None:
    submitted(tmp_path, [["a"], ["b", "c"]])
    newer = submitted(tmp_path, [["d", "b"]], name="20260102-000000-bbbb")
    places = submissions.places(submissions.read_all(tmp_path))
    assert {run_id: (place[0].id, place[2]) for run_id, place in places.items()} == {
        "a": ("20260101-000000-aaaa", 0),
        "b": (newer.id, 0),
        "c": ("20260101-000000-aaaa", 1),
        "d": (newer.id, 0),
    }


def test_ids_do_not_meet() -> None:
    assert len({submissions.new_id() for _ in range(50)}) > 45
