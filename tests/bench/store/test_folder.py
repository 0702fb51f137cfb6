"""A run folder: what is written comes back, and only the process that has claimed it writes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench.errors import BenchError
from bench.execute.checkpoint import Checkpoints, TrainingState
from bench.store.failure import failed_record
from bench.store.folder import ClaimedRun, DamagedFile
from bench.store.legend import Legend
from bench.store.lock import LockLostError
from bench.store.parsing import UnreadableRecord, parse_record
from bench.store.runs import RunStore
from bench.store.weights import write_weights
from models.topk import TopK
from tests.bench.store.helpers import file_of, record_of, results, spec_of
from tests.results import put, unsealed

RUN = record_of().run_id


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def names(store: RunStore) -> set[str]:
    return {path.name for path in store.folder(RUN).path.iterdir()}


def test_what_a_run_leaves_comes_back(store: RunStore) -> None:
    put(store, record_of(), results())
    folder = store.folder(RUN)
    record = folder.record()
    assert record
    assert unsealed(record) == record_of()
    assert folder.weights()["w"].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(folder.arrays()["rates"], np.eye(2))
    np.testing.assert_array_equal(folder.views()["inputs"], np.ones((2, 4)))
    assert folder.legend() == results().legend
    history = folder.history()
    assert history["step"] == [1, 2]
    assert history["total"][0] == 0.5
    assert np.isnan(history["total"][1])
    assert names(store) == {
        *("record.json", "weights.safetensors", "history.csv", "arrays.npz", "views.npz", "legend.json"),
    }


def test_a_run_that_left_nothing_has_nothing(store: RunStore) -> None:
    folder = store.folder(RUN)
    folder.refresh()
    assert folder.record() is folder.owner() is None
    assert folder.arrays() == folder.views() == folder.history() == {}
    assert folder.legend() == Legend()
    assert not folder.path.exists(), "to look leaves nothing"


@pytest.mark.parametrize("name", ["arrays.npz", "views.npz"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "not an archive", "a pickle", "a plain array"])
def test_a_damaged_archive_says_how_to_have_it_again(store: RunStore, name: str, damage: str) -> None:
    put(store, record_of(), results())
    path = store.folder(RUN).path / name
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-30])
    elif damage == "a pickle":
        np.savez(path, allow_pickle=True, rates=np.array([{}], dtype=object))
    elif damage == "a plain array":
        with path.open("wb") as file:
            np.save(file, np.eye(2))
    else:
        path.write_bytes(b"" if damage == "empty" else b"nothing")
    read = store.folder(RUN).arrays if name == "arrays.npz" else store.folder(RUN).views
    with pytest.raises(DamagedFile) as caught:
        read()
    assert str(path) in str(caught.value)
    assert f"`bench evaluate {RUN}` makes it again" in str(caught.value)


@pytest.mark.parametrize("text", ["", "step,total\n1", "step,total\n1,high\n", "\x00", "a,a\n"])
def test_a_damaged_history_is_none(store: RunStore, text: str) -> None:
    put(store, record_of(), results())
    (store.folder(RUN).path / "history.csv").write_text(text, encoding="utf-8")
    assert store.folder(RUN).history() == {}


@pytest.mark.parametrize("text", ["", "[]", '{"metrics": 5}', '{"metrics": {"fvu": {"info": {}}}}', "\udcff"])
def test_a_damaged_legend_is_empty(store: RunStore, text: str) -> None:
    put(store, record_of(), results())
    (store.folder(RUN).path / "legend.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert store.folder(RUN).legend() == Legend()


# What only the owner of the lock may do.


def write_checkpoint(run: ClaimedRun) -> None:
    model = TopK(TopK.Config(n_latents=4, k=2), 3)
    optimiser = torch.optim.Adam(model.parameters())
    Checkpoints(run.checkpoint_path, write=run.write).save(TrainingState(step=1), model, optimiser, 2)


WRITES: dict[str, Callable[[ClaimedRun], object]] = {
    "a file": lambda run: run.write(run.path / "mine", lambda path: path.write_text("mine", encoding="utf-8")),
    "results": lambda run: run.write_results(results()),
    "arrays": lambda run: run.write_arrays({}, {}),
    "legend": lambda run: run.write_legend(Legend()),
    "record": lambda run: run.write_record(record_of(fvu=0.75)),
    "record of a failure": lambda run: run.write_record(failed_record(spec_of(), ValueError("late"))),
    "discard": lambda run: run.discard(),
    "checkpoint": write_checkpoint,
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("finished", [False, True], ids=["under way", "finished"])
def test_whoever_lost_the_run_writes_nothing(
    store: RunStore, write: Callable[[ClaimedRun], object], finished: bool
) -> None:
    with store.claim(RUN) as slow:
        assert slow
        with store.seize(RUN) as fast:
            if finished:
                fast.write_results(results())
                fast.write_record(record_of())
            before = {path.name: path.read_bytes() for path in fast.path.iterdir()}
            with pytest.raises(LockLostError, match="was taken over by process"):
                write(slow)
            assert slow.lost
            assert {path.name: path.read_bytes() for path in fast.path.iterdir()} == before
            fast.write_legend(Legend(family="theirs"))
    assert store.folder(RUN).legend().family == "theirs"


def test_what_takes_long_to_write_is_not_put_in_place_by_whoever_lost_the_run_meanwhile(store: RunStore) -> None:
    with store.claim(RUN) as slow:
        assert slow

        def lose(path: Path) -> None:
            path.write_text("old", encoding="utf-8")
            with store.seize(RUN) as fast:
                fast.write(fast.path / "mine", lambda path: path.write_text("new", encoding="utf-8"))

        with pytest.raises(LockLostError):
            slow.write(slow.path / "mine", lose)
    assert (store.folder(RUN).path / "mine").read_text(encoding="utf-8") == "new"
    assert names(store) == {"mine"}


def test_a_write_that_fails_leaves_the_old_file(store: RunStore) -> None:
    put(store, record_of(), results())

    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with store.claim(RUN) as run:
        assert run
        with pytest.raises(OSError, match="No space"):
            run.write(run.path / "views.npz", full)
    np.testing.assert_array_equal(store.folder(RUN).views()["inputs"], np.ones((2, 4)))


@pytest.mark.parametrize("name", ["checkpoint.pt", "record.json", "views.npz", "error.log"])
def test_what_a_killed_process_was_writing_is_removed(store: RunStore, name: str) -> None:
    folder = store.folder(RUN)
    folder.path.mkdir()
    left, other = folder.path / f".0123.{name}", folder.path / ".0123.spec.json"
    left.write_bytes(b"half")
    other.write_bytes(b"a command that submits the run is writing it")
    with store.claim(RUN) as run:
        assert run
    assert not left.exists()
    assert other.exists()


@pytest.mark.parametrize(
    ("status", "kept"), [("done", False), ("failed", True), ("timeout", True), ("cancelled", True)]
)
def test_a_run_that_is_done_needs_its_checkpoint_no_more(store: RunStore, status: str, kept: bool) -> None:
    with store.claim(RUN) as run:
        assert run
        run.checkpoint_path.write_bytes(b"far")
        run.write_record(record_of(status=status))
    assert store.folder(RUN).checkpoint_path.exists() == kept


def test_a_traceback_is_beside_the_record_of_a_failure_and_goes_with_it(store: RunStore) -> None:
    put(store, failed_record(spec_of(), ValueError("broke")))
    log = store.folder(RUN).path / "error.log"
    assert "ValueError: broke" in log.read_text(encoding="utf-8")
    put(store, record_of())
    assert names(store) == {"record.json"}


def test_what_a_failure_discards_is_all_but_the_record(store: RunStore) -> None:
    put(store, failed_record(spec_of(), ValueError("broke")), results())
    with store.claim(RUN) as run:
        assert run
        run.checkpoint_path.write_bytes(b"far")
        run.discard()
    assert names(store) == {"record.json", "error.log"}


def test_a_failure_leaves_what_was_done_before(store: RunStore) -> None:
    put(store, record_of(), results())
    before = store.folder(RUN).record()
    with store.claim(RUN) as run:
        assert run
        run.checkpoint_path.write_bytes(b"far")
        run.discard()
        run.write_record(failed_record(spec_of(), ValueError("broke")))
    folder = store.folder(RUN)
    assert folder.record() == before
    assert folder.problems(before) == []
    assert folder.failed_again
    assert not folder.checkpoint_path.exists()
    put(store, record_of())
    assert not folder.failed_again


def test_results_are_replaced_together_or_not_at_all(store: RunStore) -> None:
    put(store, record_of(), results())
    record = store.folder(RUN).record()
    other = replace(results(), weights={"w": torch.zeros(3)}, views={"inputs": np.array([{}])})  # the latter is refused
    with store.claim(RUN) as run:
        assert run
        with pytest.raises(ValueError, match="allow_pickle"):
            run.write_results(other)
    assert store.folder(RUN).problems(record) == []


def test_weights_that_are_not_those_of_the_record_are_refused(store: RunStore) -> None:
    put(store, record_of(), results())
    folder = store.folder(RUN)
    write_weights(folder.path / "weights.safetensors", {"w": torch.zeros(3)}, RUN)
    with pytest.raises(BenchError, match=r"not those of its record\. Train the run again with --force, or restore"):
        folder.weights()


def test_others_see_how_far_it_is(store: RunStore) -> None:
    with store.claim(RUN, job="7_1") as run:
        assert run
        run.note(0.5)
        owner = store.folder(RUN).owner()
        assert owner is not None
        assert (owner.pid, owner.job) == (os.getpid(), "7_1")
    assert store.folder(RUN).owner() is None


# Records that cannot be read.

DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda path: os.truncate(path, 100), "truncated or not a record"),
    "emptied": (lambda path: os.truncate(path, 0), "truncated or not a record"),
    "not text": (lambda path: path.write_bytes(b"\xff\xfe"), "truncated or not a record"),
    "a list": (lambda path: path.write_text("[1]"), "truncated or not a record"),
    "a number": (lambda path: path.write_text("4711"), "truncated or not a record"),
    "deep": (lambda path: path.write_text("[" * 100_000), "truncated or not a record"),
    "of a newer schema": (
        lambda path: path.write_text('{"schema_version": 99}'),
        "schema 99, this version reads up to 2",
    ),
    "of an odd schema": (lambda path: path.write_text('{"schema_version": [1]}'), r"schema \[1\]"),
    "without a spec": (
        lambda path: path.write_text('{"schema_version": 2, "run_id": "a"}'),
        "2 invalid fields, first spec",
    ),
    "a folder": (lambda path: path.unlink() or path.mkdir(), "truncated or not a record"),
    "of another run": (
        lambda path: path.write_text(path.read_text().replace(RUN, "another")),
        "the record of another run, another; delete the copy",
    ),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_a_record_that_cannot_be_read_says_why(store: RunStore, damage: Callable[[Path], object], words: str) -> None:
    put(store, record_of())
    damage(file_of(store))
    with pytest.raises(UnreadableRecord, match=words):
        store.folder(RUN).record()
    with pytest.raises(UnreadableRecord, match=words):
        parse_record(file_of(store))


def test_results_without_a_row_are_read(store: RunStore) -> None:
    found = results()
    empty = pd.DataFrame(columns=["step", "epoch", "total"])
    put(store, record_of(), type(found)(found.weights, empty, {}, {}, Legend()))
    folder = store.folder(RUN)
    assert folder.history() == folder.arrays() == folder.views() == {}
