"""`bench verify`: whether runs are as they were written, and whether a sample of them gives the same numbers here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import RESULTS
from bench.cli.app import EXIT_FAILED, app, say
from bench.cli.options import DataDir, ResultsDir, RunIds
from bench.cli.trust import OwnDatasets, OwnModels, Trusted, trusted_of
from bench.errors import BenchError, counted

if TYPE_CHECKING:
    from bench.execute.job import Job
    from bench.store.record import Record


@app.command()
def verify(
    runs: RunIds = None,
    sample: Annotated[int, typer.Option(min=0, help="Run so many of them again, on the CPU, and compare.")] = 0,
    seed: Annotated[int, typer.Option(help="Which ones: chosen by this seed.")] = 0,
    models: OwnModels = None,
    datasets: OwnDatasets = None,
    results: ResultsDir = RESULTS,
    data_dir: DataDir = Path("data"),
) -> None:
    """Check records and files against their digests; with --sample, run some again. Nothing is written there."""
    from bench.cli.boards import require_records
    from bench.show.printing import make_console
    from bench.store.runs import RunStore

    store = RunStore(results)
    scan = store.scan()
    require_records(make_console(), scan, results)
    chosen = [store.find(name) for name in runs] if runs else scan.records
    sealed = [record for record in chosen if record.digest]
    n_changed = 0
    for record in sealed:
        for problem in store.folder(record.run_id).problems(record):
            say(f"{record.run_id}: {problem}")
            n_changed += 1
    say(f"{counted(len(sealed), 'run')} checked; {counted(n_changed, 'problem')}.")
    if len(sealed) < len(chosen):
        say(f"{counted(len(chosen) - len(sealed), 'run')} of an earlier version, without a digest.")
    agree = not sample or _agree(chosen, sample, seed, trusted_of(models, datasets), data_dir)
    raise typer.Exit(EXIT_FAILED if n_changed or scan.unreadable or not agree else 0)


def _agree(records: Sequence[Record], n: int, seed: int, trusted: Trusted, data_dir: Path) -> bool:
    """Run a sample again, and say how far each is from its record; whether all agree."""
    from bench.execute import again
    from bench.execute.environment import command
    from bench.execute.job import Job

    drawn = again.sample(records, n, seed)
    if not drawn:
        raise BenchError("--sample: none of these runs is done and was trained by bench: nothing can be run again.")
    seconds = sum(record.timings.get("total", 0.0) for record in drawn)
    say(f"Running {counted(len(drawn), 'run')} again (seed {seed}), which took {seconds:.0f} s where they come from.")
    job = Job(Path(), data_dir, "cpu", command=command())
    n_agree = sum(_agrees(record, trusted, job) for record in drawn)
    say(f"{n_agree} of {counted(len(drawn), 'run')} agree.")
    return n_agree == len(drawn)


def _agrees(record: Record, trusted: Trusted, job: Job) -> bool:
    """Run one again, and say whether its numbers are those of its record."""
    from bench.compare.agreement import ALIKE, furthest
    from bench.execute.again import run_again
    from bench.execute.build import trusted_spec

    try:
        here = run_again(record, trusted_spec(record.spec, *trusted), job)
    except BenchError as error:
        say(f"{record.run_id}: cannot be compared: {error}")
        return False
    far = furthest(record, here, of=here)
    if far is None:
        say(f"{record.run_id}: the same numbers, bit for bit")
        return True
    verdict = f"agrees within {ALIKE:g}" if far.relative <= ALIKE else "differs"
    say(f"{record.run_id}: {verdict}; most in {far}")
    return far.relative <= ALIKE
