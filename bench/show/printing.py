"""What the verbs print: the plan before, the boards and the summary after."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench import RESULTS
from bench.errors import BenchError
from bench.store.runs import RunStore, Scan
from bench.store.spec import Record

if TYPE_CHECKING:
    from bench.compare.boards import Board
    from bench.plan.plan import Plan
    from bench.show.tables import Tables


def make_console() -> Console:
    """A console on standard output that colours nothing by itself."""
    return Console(highlight=False)


def print_raw(console: Console, text: str) -> None:
    """Print as it is: no markup, no wrapping (a wide table stays a table)."""
    console.print(text, markup=False, soft_wrap=True)


def print_plan(
    console: Console, plan: Plan, store: RunStore, what: str, how: str, seconds: Mapping[str, float]
) -> None:
    """How many runs, how many of them are done, how they will be carried out, and for how long.

    `seconds` are those of the runs to do whose like has run before, by run id.
    """
    from bench.execute.console import format_seconds

    known = f"estimate: {format_seconds(sum(seconds.values()))} for the {len(seconds)} whose like has run before"
    time = known if seconds else "no estimate"
    then = f"executor: {how}; {time}" if plan.todo else "nothing to do"
    print_raw(console, f"Plan: {plan.size} ({what})")
    counts = [f"{len(plan.done)} done", f"{len(plan.failed)} failed", f"{len(plan.todo)} to run"]
    others = {"unreadable": plan.unreadable, "submitted": plan.submitted, "lost": plan.lost}
    counts[2:2] = [f"{len(runs)} {name}" for name, runs in others.items() if runs]
    print_raw(console, f"  {', '.join(counts)}; {then}")
    for run_id in plan.unreadable:
        print_raw(console, f"  unreadable, left alone (--force replaces it): {store.path(run_id, 'record.json')}")
    if plan.lost:
        print_raw(console, "  lost, left alone (--retry-failed submits them again): `bench status` says how")


def print_summary(console: Console, plan: Plan, store: RunStore) -> bool:
    """The board of this plan's runs, the counts, the paths and the next command; whether all is well."""
    scan = store.scan()
    wanted = {spec.run_id for spec in plan.specs}
    mine = [record for record in scan.records if record.run_id in wanted]
    if mine:
        from bench.compare import boards as leaderboard
        from bench.compare.columns import columns
        from bench.show.tables import Tables

        described = columns()
        complete = leaderboard.build(scan.records, described)
        print_boards(console, complete if mine == scan.records else leaderboard.build(mine, described))
        tables = Tables(complete)
        write_tables(console, tables, store.root)
        write_page(console, scan.records, tables, store.root, store)
    failed = sum(record.status != "done" for record in mine)
    cells = sum(len(record.metric_errors) for record in mine)
    done, missing = len(mine) - failed, len(wanted) - len(mine)
    counts = f"{done} done ({len(plan.done)} of them before), {failed} failed, {missing} missing of {len(wanted)} runs"
    print_raw(console, counts + (f"; {cells} metrics failed in runs that are done." if cells else "."))
    if failed:
        print_raw(console, "Next: read an error.log above, then issue the same command with --retry-failed.")
    elif done:
        print_raw(console, f"Next: python -m bench show {mine[0].run_id}{results_flag(store.root)}")
    return not (failed or missing or cells)


def print_boards(console: Console, boards: Sequence[Board]) -> None:
    """Print boards, and how to read them."""
    from bench.show import tables

    for board in boards:
        print_raw(console, f"\n{tables.text(board)}")
    if any(board.ties for board in boards):
        print_raw(console, "\n± 95% t interval over seeds; * best, or not separable from it (paired t, Holm, 5%).")
    else:
        print_raw(console, "\nFewer than 3 seeds: no intervals, and no claim about what is separable.")


def write_tables(console: Console, tables: Tables, folder: Path) -> None:
    """Write the tables of some boards, and say where."""
    tables.write(folder)
    print_raw(console, f"Tables: {folder / 'leaderboard'}.{{md,csv,json,tex}}")


def write_page(console: Console, records: Sequence[Record], tables: Tables, folder: Path, store: RunStore) -> None:
    """Write the page of some records and the tables of their boards, and say where."""
    from bench.show import report

    print_raw(console, f"Report: {report.write(records, tables, folder, store)}")


def print_missing(console: Console, store: RunStore) -> None:
    """How many of the runs that were sent to a cluster have no record."""
    from bench.cluster.submission import places, read_all

    submitted = places(read_all(store.root))
    missing = sum(not store.path(run_id, "record.json").exists() for run_id in submitted)
    if missing:
        where = f"`python -m bench status{results_flag(store.root)}` says where they are"
        print_raw(console, f"{missing} of {len(submitted)} submitted runs have no record yet; {where}.")


def require_records(console: Console, scan: Scan, root: Path) -> None:
    """Name what could not be read; BenchError where nothing is left."""
    for path, reason in scan.unreadable.items():
        print_raw(console, f"unreadable, left alone: {path}: {reason}")
    if scan.unreadable:
        total = len(scan.unreadable) + len(scan.records)
        print_raw(console, f"{len(scan.unreadable)} of {total} records cannot be read.")
    if not scan.records:
        command = f"python -m bench run --models all{results_flag(root)}"
        raise BenchError(f"No records that can be read in '{root}'. Make some: {command}")


def results_flag(root: Path) -> str:
    """` --results DIR` as a shell takes it; nothing for the default."""
    return "" if root == RESULTS else f" --results {shlex.quote(str(root))}"
