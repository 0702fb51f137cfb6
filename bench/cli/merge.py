"""`bench merge`: the results folders of several labs as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.app import EXIT_FAILED, app
from bench.cli.options import path_option
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.compare.merging import Entry


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(metavar="A B...", help="Results folders, each with its lab.txt.")],
    into: Annotated[Path, path_option("--into", help="Folder to write; it is to be new, or empty.")],
) -> None:
    """Put the runs of several labs on one board that says who ran what. What was changed by hand is left out."""
    from bench.cli.boards import build_tables, print_boards, print_places, write_all
    from bench.compare.merging import merge as merged_of
    from bench.show.labs import lines
    from bench.show.printing import make_console, print_raw, results_flag
    from bench.store.files import expanded, whole_folder
    from bench.store.labs import Labs, keep, write_labs
    from bench.store.runs import RunStore

    console, roots = make_console(), [expanded(folder) for folder in folders]
    _require(roots, into)
    entries, left_out = _entries(roots)
    for line in left_out:
        print_raw(console, f"left out: {line}")
    if not entries:
        raise BenchError("Nothing is left to be merged; the lines above say why.")
    merged = merged_of(entries)
    runs = {entry.record.run_id: entry for entry in merged.runs}
    if len(runs) < len(merged.runs):
        raise BenchError("A folder has one run of one lab twice; its labs.json is not what `bench merge` wrote.")
    with whole_folder(into, "--into") as whole:
        store = RunStore(whole)
        for entry in runs.values():
            keep(entry.folder, entry.record, store)
        notes = [*merged.notes, *(f"Left out: {line}" for line in left_out)]
        labs = Labs(runs={run_id: entry.sources for run_id, entry in runs.items()}, notes=notes)
        write_labs(store.root, labs)
    store = RunStore(into)
    records = store.scan().records
    tables = build_tables(records, store)
    write_all(records, tables, into, store)
    print_boards(console, tables.boards, store)
    for line in lines(labs):
        print_raw(console, line)
    print_places(console, into)
    print_raw(console, f"Next: python -m bench leaderboard{results_flag(into)}")
    raise typer.Exit(EXIT_FAILED if left_out else 0)


def _require(roots: Sequence[Path], into: Path) -> None:
    """BenchError where there is nothing to merge, or no place for it."""
    from bench.store.files import require_new

    if len(roots) < 2:
        raise BenchError("bench merge takes two results folders or more, and --into a new one.")
    for root in roots:
        if not root.is_dir():
            raise BenchError(f"'{root}' is no folder; name results folders, which hold a folder for each run.")
        if root.resolve() in into.resolve().parents:
            raise BenchError(f"--into '{into}' lies in '{root}', which is left as it is; name a folder elsewhere.")
    require_new(into, "--into")


def _entries(roots: Sequence[Path]) -> tuple[list[Entry], list[str]]:
    """The runs that may be taken, and a line for each that may not. BenchError where two folders are of one lab."""
    from bench.compare.merging import Entry, reasons
    from bench.store.labs import Source, name_of, read_labs
    from bench.store.legend import MetricEntry
    from bench.store.runs import RunStore

    entries: list[Entry] = []
    left_out: list[str] = []
    owners: dict[str, Path] = {}
    known: dict[str, MetricEntry] = {}
    for root in roots:
        store, labs, own = RunStore(root), read_labs(root), name_of(root)
        scan = store.scan()
        if not scan.records and not scan.unreadable:
            raise BenchError(f"'{root}' has no records; name results folders, which hold a folder for each run.")
        left_out += [f"{path}: {reason}" for path, reason in scan.unreadable.items()]
        found = []
        for record in scan.records:
            source = Source(
                lab=record.spec.lab or own, run_id=record.run_id, digest=record.digest, provenance=record.provenance
            )
            found.append(Entry(store.folder(record.run_id), record, labs.runs.get(record.run_id) or [source]))
        _require_other_names(root, {s.lab for entry in found for s in entry.sources} | {e.lab for e in found}, owners)
        for entry in found:
            if words := reasons(entry, known):
                left_out += [f"{entry.folder.path}: {each}" for each in words]
            else:
                entries.append(entry)
                for name, metric in entry.folder.legend().metrics.items():
                    known.setdefault(name, metric)
    return entries, left_out


def _require_other_names(root: Path, names: set[str], owners: dict[str, Path]) -> None:
    """Note whose names the labs of a folder are. BenchError where another folder has one of them."""
    from bench.store.labs import NAME_FILE

    for name in sorted(names):
        other = owners.setdefault(name.casefold(), root)
        if other is not root:
            raise BenchError(
                f"'{other}' and '{root}' are both of a lab that is called '{name}'. Write the name of one, in one "
                f"line, to {root / NAME_FILE}, and merge again."
            )
