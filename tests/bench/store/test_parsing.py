"""Records of strangers: what is odd is named, and nothing in it is waited for, believed or run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.store import parsing
from bench.store.parsing import UnreadableRecord, parse_record
from bench.store.record import Record
from bench.store.runs import RunStore
from tests.bench.store.helpers import spec_of
from tests.results import put


def record(seed: int = 0, **fields: Any) -> Record:
    spec = spec_of(seed, model="relu")
    return Record(run_id=spec.run_id, spec=spec, status="done", metrics={"fvu": 0.5}, **fields)


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = RunStore(tmp_path)
    put(store, record())
    return store.folder(record().run_id).record_path


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableRecord) as caught:
        parse_record(path)
    return str(caught.value)


def test_what_a_run_wrote_is_read(path: Path) -> None:
    assert parse_record(path).metrics == {"fvu": 0.5}


def test_a_record_under_another_runs_id_is_refused(path: Path) -> None:
    other = path.parents[1] / record(seed=1).run_id
    path.parent.rename(other)
    assert refusal(other / "record.json") == f"the record of another run, {record().run_id}; delete the copy"


def test_a_record_whose_spec_was_changed_is_refused(path: Path) -> None:
    changed(path, lambda content: content["spec"].update(model="topk"))
    assert refusal(path).startswith("its spec is that of another run, topk-toy-s0-")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("start", 5),
        ("software", 5),
        ("software", {"python": []}),
        ("cluster", {"differs": 5}),
        ("hardware", {"cores": "many"}),
        ("threads", "two"),
    ],
)
def test_odd_provenance_is_one_unreadable_record_that_names_the_field(path: Path, where: str, value: object) -> None:
    changed(path, lambda content: content["provenance"].update({where: value}))
    assert f"first provenance.{where}" in refusal(path)


def test_empty_provenance_is_fine(path: Path) -> None:
    changed(path, lambda content: content.update(provenance={"software": {}, "hardware": {}}, digest=""))
    assert parse_record(path).provenance.version is None


def test_a_record_whose_numbers_were_changed_is_refused(path: Path) -> None:
    changed(path, lambda content: content["metrics"].update(fvu=0.001))
    assert refusal(path) == "changed after it was written: its digest is of other content"


def test_a_key_that_stands_twice_is_refused_whatever_its_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"fvu":', '"fvu": 0.1, "fvu":'), encoding="utf-8")
    assert refusal(path) == "truncated or not a record (the key 'fvu' stands twice)"


def test_words_that_look_like_keys_are_not_keys(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    odd = record(metric_errors={"mse": 'KeyError: {"fvu": 1, "fvu" : 2}', "sse": '\\": "'})
    put(store, odd)
    assert parse_record(store.folder(odd.run_id).record_path).metric_errors == odd.metric_errors


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to a device", "too large", "nested", "empty", "not UTF-8"])
def test_what_is_no_record_is_refused_at_once(path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = path.read_bytes()
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    else:
        monkeypatch.setattr(parsing, "MOST_BYTES", len(content) + 100)
        path.write_bytes({"too large": content + b" " * 200, "nested": b"[" * len(content)}.get(kind, b""))
    if kind == "not UTF-8":
        path.write_bytes(content.replace(b"relu", b"\xff\xfe\xfd\xfc"))
    assert refusal(path).startswith("truncated or not a record")
    assert RunStore(path.parents[1]).scan().records == []


def test_names_that_cannot_be_shown_are_refused(path: Path) -> None:
    changed(path, lambda content: content["spec"].update(model="x" * 301))
    assert "first spec.model" in refusal(path)
    changed(path, lambda content: content["spec"].update(model="relu", config={"n_latents": "y" * 30_000}))
    assert "first spec" in refusal(path)


def test_a_run_folder_that_is_a_link_is_neither_read_nor_written(path: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    path.parent.rename(outside)
    path.parent.symlink_to(outside)
    before = {file.name: file.read_bytes() for file in outside.iterdir()}
    store = RunStore(tmp_path)
    assert "is a link" in store.scan().unreadable[path]
    with (
        pytest.raises(OSError, match="is a link; runs are kept in the results folder itself"),
        store.claim(record().run_id),
    ):
        pass
    with pytest.raises(OSError, match="is a link"), store.seize(record().run_id):
        pass
    with pytest.raises(OSError, match="is a link"):
        store.write_spec(record().spec)
    assert {file.name: file.read_bytes() for file in outside.iterdir()} == before


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", "a/b", "", ".", "..", "a\n", "x" * 201])
def test_a_run_id_names_no_other_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(BenchError, match="is no run id"):
        RunStore(tmp_path).folder(name)
