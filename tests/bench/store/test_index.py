"""The index of a results folder: a scan with it is a scan without it, whatever happens to the records and to it."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from bench.store import index
from bench.store.index import NAME, Index, state_of
from bench.store.runs import RunStore, UnreadableRecord
from bench.store.spec import Record, RunError, RunSpec

TICK = 20 * 10**6
"""Nanoseconds between the times that the file system of the tests tells apart, at most."""


@pytest.fixture
def store(tmp_path: Path, fine_clock: None) -> RunStore:
    """Three records, scanned when they were settled."""
    store = RunStore(tmp_path / "runs")
    for seed in range(3):
        store.write_record(record(seed))
    settle()
    store.scan()
    return store


@pytest.fixture
def fine_clock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "COARSEST_CLOCK", TICK)
        yield


def record(seed: int, fvu: float = 0.25) -> Record:
    spec = RunSpec(
        model="m",
        model_reference="m:M",
        config={"k": 4},
        dataset="toy",
        dataset_reference="toy",
        dataset_checksum="abc",
        settings="native",
        budget="quick",
        seed=seed,
    )
    return Record(run_id=spec.run_id, spec=spec, status="done", metrics={"fvu": fvu, "psnr": math.inf})


def settle() -> None:
    time.sleep(2.5 * TICK / 1e9)


def seen(store: RunStore) -> dict[str, Record | str]:
    """By run, what a scan finds."""
    scan = store.scan()
    broken = {path.parent.name: reason for path, reason in scan.unreadable.items()}
    return {record.run_id: record for record in scan.records} | broken


def there(store: RunStore) -> dict[str, Record | str]:
    """By run, what its file holds, read without the index."""
    found: dict[str, Record | str] = {}
    for path in store.root.glob("*/record.json"):
        try:
            loaded = store.load(path.parent.name)
        except UnreadableRecord as error:
            found[path.parent.name] = str(error)
        else:
            assert loaded
            found[path.parent.name] = loaded
    return found


def file_of(store: RunStore, seed: int) -> Path:
    return store.path(record(seed).run_id, "record.json")


def indexed(store: RunStore, seed: int) -> bool:
    path = file_of(store, seed)
    return path.exists() and Index(store.root).find(path.parent.name, state_of(path.stat())) is not None


def test_settled_records_are_indexed_and_an_index_that_holds_is_left_alone(store: RunStore) -> None:
    assert all(indexed(store, seed) for seed in range(3))
    before = (store.root / NAME).stat()
    assert seen(store) == there(store)
    assert state_of((store.root / NAME).stat()) == state_of(before)


def test_a_record_is_as_the_index_has_it_while_its_file_stays_as_it_was(store: RunStore) -> None:
    path = store.root / NAME
    _, _, body = path.read_bytes().partition(b"\n")
    changed = body.replace(b"0.25", b"0.75")
    assert changed != body
    path.write_bytes(index._header(changed) + b"\n" + changed)
    assert {found.metrics["fvu"] for found in store.scan().records} == {0.75}


def test_a_young_record_is_read_again(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.write_record(record(0))
    assert seen(store) == there(store)
    assert not indexed(store, 0)


def in_place(store: RunStore) -> None:
    """Other digits of the same length, and the times set back."""
    path = file_of(store, 0)
    times = path.stat()
    with path.open("r+b") as file:
        file.write(path.read_bytes().replace(b"0.25", b"0.75"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size


def swapped(store: RunStore) -> None:
    first, second = file_of(store, 0), file_of(store, 1)
    first.replace(first.with_name("other"))
    second.replace(first)
    first.with_name("other").replace(second)


def fail(store: RunStore) -> None:
    error = RunError(type="ValueError", message="broke", traceback="...")
    store.write_record(record(0).model_copy(update={"status": "failed", "error": error}))


CHANGES: dict[str, Callable[[RunStore], object]] = {
    "added": lambda store: store.write_record(record(3)),
    "replaced": lambda store: store.write_record(record(0, fvu=0.125)),
    "replaced by one of its size": lambda store: store.write_record(record(0, fvu=0.75)),
    "edited": in_place,
    "failed": fail,
    "swapped": swapped,
    "deleted": lambda store: file_of(store, 0).unlink(),
    "deleted with its folder": lambda store: shutil.rmtree(file_of(store, 0).parent),
    "all deleted": lambda store: [file_of(store, seed).unlink() for seed in range(3)],
    "renamed": lambda store: file_of(store, 0).parent.rename(store.root / "other"),
    "renamed to another": lambda store: (
        shutil.rmtree(file_of(store, 1).parent) or file_of(store, 0).parent.rename(file_of(store, 1).parent)
    ),
    "copied": lambda store: shutil.copytree(file_of(store, 0).parent, store.root / "other"),
    "truncated": lambda store: os.truncate(file_of(store, 0), 100),
    "emptied": lambda store: os.truncate(file_of(store, 0), 0),
    "not text": lambda store: file_of(store, 0).write_bytes(b"\xff\xfe"),
    "no record": lambda store: file_of(store, 0).write_text("[1]"),
    "of a newer schema": lambda store: file_of(store, 0).write_text('{"schema_version": 99}'),
    "a folder": lambda store: file_of(store, 0).unlink() or file_of(store, 0).mkdir(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen_at_once_and_from_then_on(change: Callable[[RunStore], object], store: RunStore) -> None:
    before = there(store)
    change(store)
    assert there(store) != before
    assert seen(store) == there(store)
    settle()
    assert seen(store) == there(store)
    assert seen(store) == there(store)


def damage_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"0.25") + 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(os.urandom(5000)),
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "one line short": lambda path: path.write_bytes(path.read_bytes().rpartition(b"\n")[0]),
    "one byte wrong": damage_byte,
    "of other code": lambda path: path.write_bytes(b"other" + path.read_bytes()[5:]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_index_is_made_anew(damage: Callable[[Path], object], store: RunStore) -> None:
    damage(store.root / NAME)
    assert not indexed(store, 0)
    assert seen(store) == there(store)
    assert all(indexed(store, seed) for seed in range(3))


def test_a_copied_folder_does_not_trust_the_index_that_came_with_it(store: RunStore, tmp_path: Path) -> None:
    copy = RunStore(tmp_path / "copy")
    shutil.copytree(store.root, copy.root)
    copy.write_record(record(0, fvu=0.75))
    assert seen(copy) == there(copy) != there(store)


def test_without_room_for_an_index_the_scan_is_the_same(store: RunStore) -> None:
    (store.root / NAME).unlink()
    (store.root / NAME).mkdir()
    assert seen(store) == there(store)
    assert not list(store.root.glob(f".*{NAME}"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_read(store: RunStore) -> None:
    (store.root / NAME).unlink()
    store.root.chmod(0o500)
    try:
        assert seen(store) == there(store)
    finally:
        store.root.chmod(0o700)


def test_a_folder_that_is_not_there_stays_so(tmp_path: Path) -> None:
    assert RunStore(tmp_path / "absent").scan().records == []
    assert not (tmp_path / "absent").exists()


def test_what_a_killed_process_was_writing_goes(store: RunStore) -> None:
    (store.root / f".0123.{NAME}").write_bytes(b"half")
    store.write_record(record(5))
    store.scan()
    assert not list(store.root.glob(f".*{NAME}"))


def scan_often(root: Path) -> list[float]:
    """The lowest fvu that each of many scans saw."""
    return [min(found.metrics["fvu"] for found in RunStore(root).scan().records) for _ in range(40)]


def test_processes_that_scan_while_records_are_replaced_see_no_record_twice(store: RunStore) -> None:
    with ProcessPoolExecutor(2) as pool:
        scans = [pool.submit(scan_often, store.root) for _ in range(2)]
        for step in range(1, 60):
            for seed in range(3):
                store.write_record(record(seed, fvu=step))
    for lowest in (scan.result() for scan in scans):
        assert lowest == sorted(lowest), "an older record came back"
    assert seen(store) == there(store)
    assert not list(store.root.glob(f".*{NAME}"))


SEEDS = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("write"), SEEDS, st.sampled_from([0.25, 0.75, 0.5, 1e-7, math.inf])),
    st.tuples(st.just("delete"), SEEDS, st.none()),
    st.tuples(st.just("truncate"), SEEDS, st.integers(0, 400)),
    st.tuples(st.just("overwrite"), SEEDS, SEEDS),
    st.tuples(st.just("move"), SEEDS, SEEDS),
    st.tuples(st.just("damage"), st.integers(0, 3000), st.integers(0, 255)),
    st.tuples(st.just("wait"), st.none(), st.none()),
)


def apply(store: RunStore, step: tuple[str, int, float]) -> None:
    kind, first, second = step
    if kind == "wait":
        settle()
    elif kind == "write":
        store.write_record(record(first, second))
    elif kind == "damage" and (path := store.root / NAME).exists():
        content = bytearray(path.read_bytes())
        content[first : first + 1] = bytes([int(second)])
        path.write_bytes(content)
    elif kind != "damage" and (path := file_of(store, first)).exists():
        other = file_of(store, int(second or 0))
        if kind == "delete":
            path.unlink()
        elif kind == "truncate":
            os.truncate(path, min(int(second), path.stat().st_size))
        elif other.parent.exists():
            path.replace(other) if kind == "move" else other.write_bytes(path.read_bytes())


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=12))
def test_after_any_steps_a_scan_finds_what_is_there(
    steps: list[tuple[str, int, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "COARSEST_CLOCK", TICK)
        store = RunStore(tmp_path_factory.mktemp("runs"))
        for step in steps:
            apply(store, step)
            assert seen(store) == there(store)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=50, deadline=None)
@given(made=st.dictionaries(st.text(), VALUES), escaped=st.booleans(), indent=st.sampled_from([None, 1]))
def test_a_record_holds_what_json_reads(
    made: dict[str, object], escaped: bool, indent: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = json.loads(record(0).model_dump_json()) | {"provenance": made}
    store = RunStore(tmp_path_factory.mktemp("runs"))
    path = file_of(store, 0)
    path.parent.mkdir()
    path.write_bytes(json.dumps(content, ensure_ascii=escaped, indent=indent).encode("utf-8", "replace"))
    expected = repr(json.loads(path.read_text(encoding="utf-8"))["provenance"])  # NaN is not equal to itself
    loaded = store.load(record(0).run_id)
    assert loaded
    assert repr(loaded.provenance) == expected
