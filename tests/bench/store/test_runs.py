"""A results folder: its records, whatever happens to them, and one process at a time in each run."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.store import runs
from bench.store.folder import RunFolder
from bench.store.parsing import UnreadableRecord
from bench.store.record import Record
from bench.store.runs import RunStore, match
from tests.bench.store.helpers import file_of, record_of, results, somebody_else, spec_of
from tests.results import put, unsealed

RUN = record_of().run_id


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Three records."""
    store = RunStore(tmp_path / "runs")
    for seed in range(3):
        put(store, record_of(seed))
    return store


def test_a_run_is_claimed_by_one_at_a_time(store: RunStore) -> None:
    with store.claim(RUN, job="7_1") as first:
        assert first
        assert first.run_id == RUN
        with store.claim(RUN) as second:
            assert second is None
        with store.claim(record_of(1).run_id) as other:
            assert other
    with store.claim(RUN) as again:
        assert again
    assert not store.folder(RUN).lock_path.exists()


def _claim(root: Path) -> bool:
    with RunStore(root).claim(RUN) as run:
        return run is not None


def test_another_process_cannot_claim_what_this_one_has(store: RunStore) -> None:
    with ProcessPoolExecutor(1) as pool:
        with store.claim(RUN):
            assert not pool.submit(_claim, store.root).result()
        assert pool.submit(_claim, store.root).result()


def test_a_claim_ends_with_its_block_whatever_happens(store: RunStore) -> None:
    with pytest.raises(ValueError, match="inside"), store.claim(RUN):
        raise ValueError("inside")
    with store.claim(RUN) as run:
        assert run


def test_a_claim_can_wait(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "WAIT_SECONDS", 0.05)
    given_up = iter([False, False, True])
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store.claim(RUN):
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    with store.claim(RUN, give_up=lambda: next(given_up)) as run:
        assert run is None
    threading.Timer(0.3, done.set).start()
    with store.claim(RUN, give_up=lambda: False) as run:
        assert run
    thread.join()


def test_unreadable_records_are_named_and_left_alone(store: RunStore) -> None:
    first, second = file_of(store, 0), file_of(store, 1)
    first.write_text(first.read_text(encoding="utf-8")[:100], encoding="utf-8")
    newer = json.loads(second.read_text(encoding="utf-8")) | {"schema_version": 99}
    second.write_text(json.dumps(newer), encoding="utf-8")
    scan = store.scan()
    assert [record.spec.seed for record in scan.records] == [2]
    assert "truncated" in scan.unreadable[first]
    assert "schema 99" in scan.unreadable[second]
    assert len(first.read_text(encoding="utf-8")) == 100
    assert set(store.recorded()) == {record_of(seed).run_id for seed in range(3)}


def test_a_copied_run_folder_is_not_counted_twice(store: RunStore) -> None:
    shutil.copytree(store.folder(RUN).path, store.root / "backup")
    scan = store.scan()
    assert len(scan.records) == 3
    assert "another run" in scan.unreadable[store.root / "backup" / "record.json"]


def in_place(store: RunStore) -> None:
    """Other digits of the same length, and the times set back."""
    path = file_of(store)
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


CHANGES: dict[str, tuple[Callable[[RunStore], object], list[int], int]] = {
    "added": (lambda store: put(store, record_of(3)), [0, 1, 2, 3], 0),
    "edited": (in_place, [1, 2], 1),
    "swapped": (swapped, [2], 2),
    "deleted": (lambda store: file_of(store).unlink(), [1, 2], 0),
    "deleted with its folder": (lambda store: shutil.rmtree(file_of(store).parent), [1, 2], 0),
    "renamed": (lambda store: file_of(store).parent.rename(store.root / "other"), [1, 2], 1),
    "a folder": (lambda store: file_of(store).unlink() or file_of(store).mkdir(), [1, 2], 1),
}


@pytest.mark.parametrize(("change", "seeds", "n_unreadable"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen_at_once(
    change: Callable[[RunStore], object], seeds: list[int], n_unreadable: int, store: RunStore
) -> None:
    before = store.scan()
    change(store)
    after = store.scan()
    assert after != before
    assert sorted(record.spec.seed for record in after.records) == seeds
    assert len(after.unreadable) == n_unreadable


def lowest(root: Path) -> list[float]:
    """The lowest fvu that each of many scans saw; -1 where a record could not be read."""
    found = []
    for _ in range(60):
        scan = RunStore(root).scan()
        found.append(-1 if scan.unreadable else min(record.metrics["fvu"] for record in scan.records))
    return found


def test_processes_that_scan_while_records_are_replaced_see_each_whole(store: RunStore) -> None:
    with ProcessPoolExecutor(2) as pool:
        scans = [pool.submit(lowest, store.root) for _ in range(2)]
        for step in range(1, 30):
            for seed in range(3):
                put(store, record_of(seed, fvu=step))
    for seen in (scan.result() for scan in scans):
        assert seen[0] >= 0
        assert seen == sorted(seen), "an older record came back, or half of one"


def test_a_folder_that_is_not_there_stays_so(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "absent")
    assert store.scan().records == store.recorded() == []
    assert store.load(RUN) is None
    assert not store.root.exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    RunStore(tmp_path / "new" / "runs").require_writable()
    assert list((tmp_path / "new" / "runs").iterdir()) == []
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BenchError, match=r"file/runs' cannot be written .* --results DIR"):
        RunStore(tmp_path / "file" / "runs").require_writable()


def test_a_run_that_may_not_be_read_is_named_and_not_left_out() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        store = RunStore(Path(folder))
        put(store, record_of())
        (store.root / "lost+found").mkdir(mode=0)
        for closed in (file_of(store), file_of(store).parent):
            closed.chmod(0)
            with somebody_else():
                scan = store.scan()
                with pytest.raises(UnreadableRecord, match="may not be read by you"):
                    store.load(RUN)
            assert scan.records == []
            assert list(scan.unreadable) == [file_of(store)]
            assert "may not be read by you; ask its owner" in scan.unreadable[file_of(store)]
            closed.chmod(0o755)


def test_the_files_of_a_run_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with RunStore(tmp_path).claim(RUN) as run:
            assert run
            run.write_results(results())
            run.write_record(record_of())
            files = {path.name: path.stat().st_mode & 0o777 for path in run.path.iterdir()}
    finally:
        os.umask(before)
    assert {"weights.safetensors", "record.json", "lock", "history.csv", "arrays.npz"} <= files.keys()
    assert set(files.values()) == {0o640}


def test_a_run_is_found_by_the_start_or_the_end_of_its_id(store: RunStore) -> None:
    record = record_of(1)
    for name in (record.run_id, record.run_id[-6:], "m-toy-s1"):
        assert unsealed(store.find(name)) == record
    with pytest.raises(BenchError, match="fits 3 runs"):
        store.find("m-toy")
    with pytest.raises(BenchError, match=r"Unknown run 'x'.* `bench status` lists all"):
        store.find("x")
    with pytest.raises(BenchError, match="Unknown run ''"):
        store.find("")
    file_of(store, 1).write_text("{", encoding="utf-8")
    with pytest.raises(BenchError, match=r"record\.json' cannot be read: truncated"):
        store.find("m-toy-s1")


def test_a_name_fits_one_run_or_none() -> None:
    assert match("ab", ["abc", "xyz"], "") == "abc"
    assert match("yz", ["abc", "xyz"], "") == "xyz"
    with pytest.raises(BenchError, match="fits 2 runs: abc, xab"):
        match("ab", ["abc", "xab"], "")


def test_a_spec_comes_back_and_one_that_does_not_fit_is_refused(store: RunStore) -> None:
    store.write_spec(spec_of(7))
    run_id = spec_of(7).run_id
    assert store.read_spec(run_id) == spec_of(7)
    path = store.folder(run_id).path / "spec.json"
    path.write_text(spec_of(8).model_dump_json(), encoding="utf-8")
    with pytest.raises(BenchError, match=r"is of another run, m-toy-s8"):
        store.read_spec(run_id)
    for damage, words in {"{": "Invalid JSON", "{}": "model: Field required"}.items():
        path.write_text(damage, encoding="utf-8")
        with pytest.raises(BenchError, match=rf"spec\.json' is not the spec of a run \({words}.*Submit the runs again"):
            store.read_spec(run_id)
    path.unlink()
    with pytest.raises(BenchError, match=r"cannot be read \(No such file or directory\)\. Submit the runs again"):
        store.read_spec(run_id)


def test_to_seize_a_run_takes_it_from_a_living_process(store: RunStore) -> None:
    with store.claim(RUN) as slow, store.seize(RUN) as fast:
        assert slow
        fast.write_record(record_of(fvu=0.5))
    record = store.load(RUN)
    assert record is not None
    assert record.metrics["fvu"] == 0.5
    assert isinstance(store.folder(RUN), RunFolder)


def test_a_record_is_read_anew_each_time(store: RunStore) -> None:
    first: Record | None = store.load(RUN)
    put(store, record_of(fvu=0.5))
    assert store.load(RUN) != first
    file_of(store).write_text("", encoding="utf-8")
    with pytest.raises(UnreadableRecord):
        store.load(RUN)
