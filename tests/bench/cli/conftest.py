"""A finished study that verbs read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.cli.helpers import STUDY, bench


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven smoke runs of three models and three seeds, one of the mean, as `bench run` leaves them. Read only."""
    folder = tmp_path_factory.mktemp("study") / "runs"
    done = bench(*STUDY, "--results", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "Plan: 7 runs = 3 models x 1 dataset x 3 seeds, one seed of mean (native setting, smoke budget)" in done.stdout
    )
    assert "7 done (0 of them before), 0 failed, 0 missing of 7 runs." in done.stdout
    assert "digits, native setting, smoke budget" in done.stdout
    return folder
