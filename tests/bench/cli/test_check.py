"""`bench check` as a user types it."""

from __future__ import annotations

from pathlib import Path

from tests.bench.cli.helpers import Said, bench
from tests.bench.execute.contract.plugins import DATASET, subclass


def check(reference: str) -> Said:
    return bench("check", reference)


def test_what_passes_ends_with_status_0(tmp_path: Path) -> None:
    done = check(subclass(tmp_path, DATASET, ""))
    assert (done.returncode, done.stderr) == (0, "")
    *checks, last = done.stdout.splitlines()
    assert [line[:6] for line in checks] == ["ok    "] * 8
    assert last == "8 of 8 checks passed."


def test_what_fails_is_said_and_ends_with_status_1(tmp_path: Path) -> None:
    done = check(subclass(tmp_path, DATASET, "sizes = (30, 0, 12)"))
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "ok    Its class can be made, without arguments",
        "ok    checksum() is a string, the same twice",
        "ok    load() gives a Dataset of three splits: x (N, D) float32, labels (N,) int64",
        "FAIL  x has samples that differ in each split, finite, and not too large to square",
        "      validation.x has 0 samples of 6 columns; give two samples or more, of one column or more.",
        "3 of 4 checks passed.",
    ]


def test_what_cannot_be_checked_is_one_message_and_status_2() -> None:
    done = check("absent.py:Mine")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("error: No file 'absent.py' for the plug-in 'absent.py:Mine'; give its path from here.\n")
