"""Runs that are tried in these tests measure one metric: that all work is tested of the built-ins."""

from __future__ import annotations

import pytest

from bench.execute.contract import running


@pytest.fixture(autouse=True)
def _measures_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "METRICS", ("l0",))
