"""A file of a plug-in that changes between two commands of a test is read anew, as each command is a process."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def _files_are_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.plugins.plugin._sha256", _sha256, raising=False)
