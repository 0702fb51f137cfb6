"""What a person sees while runs are carried out: one line for each that ended, with what came of it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from bench.datasets.progress import followed
from bench.execute.console import Reporter, following_data, format_seconds
from bench.execute.job import Event
from bench.store.failure import failed_record
from bench.store.record import Record
from bench.store.spec import RunSpec
from tests.bench.execute.helpers import spec_of


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    return spec_of(tmp_path)


def shown(n_runs: int, *events: Event, terminal: bool = False) -> tuple[str, Reporter]:
    """What is printed of some events."""
    text = io.StringIO()
    reporter = Reporter(n_runs, Path("results"), Console(file=text, width=40, force_terminal=terminal))
    with reporter.showing():
        for event in events:
            reporter(event)
    return text.getvalue(), reporter


def test_each_run_has_a_line_when_it_ends(spec: RunSpec) -> None:
    done = Record(run_id=spec.run_id, spec=spec, status="done", metrics={"fvu": 0.25}, timings={"total": 4.2})
    failed = failed_record(spec, ValueError("\n bad [bold] luck\nmore"))
    text, reporter = shown(
        10,
        Event("started", spec.run_id),
        Event("progress", spec.run_id, 0.5),
        Event("checkpoint", spec.run_id, 0.5),
        Event("finished", spec.run_id, 1.0, done),
        Event("finished", spec.run_id, 1.0, failed),
        Event("skipped", "another", note="another command is running it"),
    )
    assert text.splitlines() == [
        f"[ 1/10] {spec.run_id} done in 4.2 s, fvu 0.25",
        f"[ 2/10] {spec.run_id} failed: ValueError: bad [bold] luck (log: results/{spec.run_id}/error.log)",
        "[ 3/10] another skipped: another command is running it",
    ]
    assert dict(reporter.counts) == {"done": 1, "failed": 1, "skipped": 1}


def test_a_job_of_a_cluster_shows_no_bars_and_reports_all_the_same(spec: RunSpec) -> None:
    text = io.StringIO()
    reporter = Reporter(1, Path("results"), Console(file=text, width=40))
    for event in (Event("started", spec.run_id), Event("progress", spec.run_id, 0.5), Event("stopped", spec.run_id)):
        reporter(event)
    assert text.getvalue().startswith(f"[1/1] {spec.run_id} stopped")


def test_a_run_of_a_grid_says_which_it_is(spec: RunSpec) -> None:
    varied = spec.model_copy(update={"variant": {"k": 3, "prior": "[bold]"}})
    done = Record(run_id=varied.run_id, spec=varied, status="done", timings={"total": 4.2})
    text, _ = shown(1, Event("finished", varied.run_id, 1.0, done))
    assert text == f"[1/1] {varied.run_id} (k=3 prior=[bold]) done in 4.2 s\n"


def test_a_terminal_has_bars_beside_the_lines(spec: RunSpec) -> None:
    done = Record(run_id=spec.run_id, spec=spec, status="done", timings={"total": 4.2})
    events = [
        Event("started", spec.run_id),
        Event("progress", spec.run_id, 1.0),
        Event("finished", spec.run_id, 1, done),
    ]
    text, _ = shown(1, *events, terminal=True)
    assert "all runs" in text
    assert "1/1" in text
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text)
    assert f"[1/1] {spec.run_id} done in \n4.2 s" in plain, "a line breaks between words"


def test_data_that_take_long_are_a_line_for_each_quarter_or_a_bar() -> None:
    text = io.StringIO()
    with following_data(Console(file=text, width=40)):
        assert len(list(followed("Measuring [7] images", range(8), 8))) == 8
    lines = [line.partition(", ") for line in text.getvalue().splitlines()]
    assert [line[0] for line in lines] == [f"Measuring [7] images: {share}%" for share in (0, 25, 50, 75, 100)]
    assert [line[2].endswith("s left") for line in lines] == [False, True, True, True, False]
    drawn = io.StringIO()
    with following_data(Console(file=drawn, width=80, force_terminal=True)):
        for n in followed("Measuring", range(8), 8):
            assert n == 0 or "Measuring" in drawn.getvalue()
        print("after it", file=drawn)
    assert "100%" not in drawn.getvalue().partition("after it")[2]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (200, "3 min 20 s"), (3599.4, "59 min 59 s"), (7500, "2 h 05 min")],
)
def test_seconds_in_words(seconds: float, words: str) -> None:
    assert format_seconds(seconds) == words
