"""A real SLURM on this machine, shared by the tests marked `cluster`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.slurm.testcluster import Cluster, UnsupportedHost

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes on loopback, with accounting where it is installed. Skips where SLURM is not installed."""
    try:
        started = Cluster(tmp_path_factory.mktemp("cluster"), accounting=bool(shutil.which("slurmdbd")))
        started.up()
    except UnsupportedHost as error:
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in started.env.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", str(REPOSITORY))  # jobs import the functions that they call from here
        patch.setenv("OMP_NUM_THREADS", "1")
        yield started
    started.down()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """For a cluster of a test's own: sockets must have short paths."""
    with tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder as jobs expect it."""
    (tmp_path / "submission.json").write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.fixture
def observe(record_property: Callable[[str, object], None]) -> Callable[[float, str], None]:
    """Note what was seen, and how long it took, for the summary."""

    def note(seconds: float, what: str) -> None:
        record_property("observed", f"{seconds:.0f} s: {what}")

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests of faults saw."""
    reports = terminalreporter.getreports("passed")
    for report in reports:
        for name, value in getattr(report, "user_properties", []):
            if name == "observed" and report.when == "call":
                terminalreporter.write_line(f"{report.nodeid.partition('::')[2]}: {value}")
