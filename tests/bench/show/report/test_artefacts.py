"""What a run left, as far as it can be read, and in words what it lacks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench.show.report.artefacts import Left, gather
from bench.show.report.shown import first_runs
from bench.store.folder import DamagedFile
from bench.store.runs import RunStore
from tests.bench.show.report import factory


def left_of(folder: Path, damage: dict[str, bytes | None]) -> tuple[str, Left]:
    """What is read of a run some of whose files hold something else, or are gone."""
    boards = factory.boards_of([factory.record("a", "mnist", 0, {"fvu": 1.0})])
    store = factory.store_of(boards, folder)
    (run,) = (record.run_id for record in first_runs(boards))
    for name, content in damage.items():
        path = folder / run / name
        path.unlink() if content is None else path.write_bytes(content)
    return run, gather(store, first_runs(boards))[run]


def whole(folder: Path, name: str) -> bytes:
    boards = factory.boards_of([factory.record("a", "mnist", 0, {"fvu": 1.0})])
    store = factory.store_of(boards, folder)
    return (store.folder(boards[0].records[0].run_id).path / name).read_bytes()


def test_a_run_that_left_everything_lacks_nothing(tmp_path: Path) -> None:
    _, left = left_of(tmp_path, {})
    assert all("across classes: it has none" in words for words in left.lacks), "its units are random"
    assert set(left.arrays) == {"class_correlation", "density", "class_rates"}
    assert left.views.inputs.shape == (10, 784)
    assert len(left.history["step"]) == 43
    assert left.legend.metrics


def test_a_run_of_schema_1_says_how_to_have_views(tmp_path: Path) -> None:
    run, left = left_of(tmp_path, {"views.npz": None, "legend.json": None})
    assert left.lacks == (f"This run has no pictures; `bench evaluate {run}` makes them from its weights.",)
    assert left.arrays
    assert left.legend.metrics == {}


@pytest.mark.parametrize(
    ("roles", "left_some", "told"),
    [
        (
            ["global", "shared"],
            False,
            ["This run has no pictures of a unit that is varied in several classes; `bench evaluate RUN` makes"],
        ),
        (["shared", "dead"], True, ["No global unit is shown across classes: it has none"]),
        (["no role", "dead"], False, ["No global unit", "No class-specific unit"]),
        ([], False, []),
    ],
)
def test_kinds_of_units_that_are_not_shown_across_classes_are_named(
    tmp_path: Path, roles: list[str], left_some: bool, told: list[str]
) -> None:
    whole = factory.views_of(np.random.default_rng(0), np.random.default_rng(0).random((10, 16)), (4, 6)).to_arrays()
    kept = {n: a for n, a in whole.items() if not n.startswith(("varied", "unit_", "shown", "n_units"))}
    if roles:
        kept |= {"unit_roles": np.array(roles), "unit_order": np.arange(2)}
    if left_some:
        some = {name: whole[name][:1] for name in ("varied_levels", "varied_rates", "varied")}
        kept |= {"varied_inputs": whole["varied_inputs"], "varied_classes": whole["varied_classes"], **some}
        kept["varied_units"] = np.array([0])
    np.savez(tmp_path / "views.npz", allow_pickle=False, **kept)
    run, left = left_of(tmp_path / "runs", {"views.npz": (tmp_path / "views.npz").read_bytes()})
    assert len(left.lacks) == len(told)
    for found, words in zip(left.lacks, told, strict=True):
        assert found.startswith(words.replace("RUN", run))


@pytest.mark.parametrize("name", ["views.npz", "arrays.npz"])
def test_a_truncated_file_is_named_without_the_folder_of_this_machine(tmp_path: Path, name: str) -> None:
    content = whole(tmp_path / "whole", name)
    run, left = left_of(tmp_path / "damaged", {name: content[: len(content) // 2]})
    told = left.lacks[0]
    assert told.startswith(f"'{name}' is damaged")
    assert told.endswith(f"`bench evaluate {run}` makes it again.")
    assert os.fspath(tmp_path) not in told


def test_views_of_another_kind_are_none_and_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, inputs=np.array([["a", "b"]]))
    run, left = left_of(tmp_path, {"views.npz": path.read_bytes()})
    assert left.views.inputs.size == 0
    assert left.lacks == (
        "views.npz is not what a run leaves (inputs is <U1 of 2 dimensions, expected 2 of kind 'f'); "
        f"`bench evaluate {run}` makes it again.",
    )


@pytest.mark.parametrize("content", [b"", b"not a zip", b"step,total\n1,abc\n", b"step,total\n1\n", b"\xff\xfe"])
def test_artefacts_that_cannot_be_read_are_left_out(tmp_path: Path, content: bytes) -> None:
    names = ("arrays.npz", "views.npz", "history.csv", "legend.json")
    _, left = left_of(tmp_path, dict.fromkeys(names, content))
    assert (left.arrays, left.history, left.legend.metrics) == ({}, {}, {})
    assert len(left.lacks) == 2


def test_a_damaged_archive_has_no_arrays(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).folder("run")
    folder.path.mkdir()
    path = folder.path / "arrays.npz"
    np.savez_compressed(path, allow_pickle=False, density=np.arange(100.0))
    content = path.read_bytes()
    n_refused = 0
    for at in range(0, len(content), 3):
        path.write_bytes(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :])
        try:
            assert folder.arrays().keys() <= {"density"}
        except DamagedFile:
            n_refused += 1
    assert n_refused > 10
    np.save(path.with_suffix(".npy"), np.arange(3))
    path.with_suffix(".npy").replace(path)
    with pytest.raises(DamagedFile, match=r"arrays\.npz' is damaged"):
        folder.arrays()
