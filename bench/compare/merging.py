"""Several labs' runs -> one set of them: what two have alike is one run, and where they differ each has its rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.compare.agreement import Difference, furthest
from bench.compare.boards import of_unlike_code, unlike_code
from bench.errors import counted
from bench.store.folder import RunFolder
from bench.store.labs import Source
from bench.store.legend import MetricEntry
from bench.store.record import SCHEMA_VERSION, Record, metric_of

RowKey = tuple[str, str, str, str, str]


class Entry(NamedTuple):
    """A run in the folder of a lab."""

    folder: RunFolder
    """Where it is."""
    record: Record
    """What it says."""
    sources: list[Source]
    """Whose it is; several where labs that were merged before had the same numbers."""

    @property
    def lab(self) -> str:
        """The lab whose record it is."""
        return self.record.spec.lab or self.sources[0].lab

    @property
    def run_id(self) -> str:
        """What the run is called in any lab."""
        return self.record.spec.model_copy(update={"lab": ""}).run_id

    @property
    def row(self) -> RowKey:
        """The row of a board that it is of."""
        spec = self.record.spec
        return spec.label, spec.dataset, spec.dataset_checksum, spec.settings, spec.budget


class Merged(NamedTuple):
    """What comes of merging."""

    runs: list[Entry]
    """What is to be kept; where labs differ, `record` has the id and the spec that tell them apart."""
    notes: list[str]
    """What a reader should know: where labs differ in numbers, data or metrics."""


def merge(entries: Sequence[Entry]) -> Merged:
    """One set of runs. In a row where two labs have other numbers for one run, all its runs are told apart by lab.

    Of runs with the same numbers the first is kept, with the others as its sources. Nothing else is left out.
    """
    rows: dict[RowKey, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        rows[entry.row][entry.run_id].append(entry)
    runs, notes = [], []
    for row, same in rows.items():
        collisions = [found for each in same.values() if (found := _collision(each))]
        if collisions or any(entry.record.spec.lab for each in same.values() for entry in each):
            runs += [_of_its_lab(entry) for each in same.values() for entry in each]
        else:
            runs += [each[0]._replace(sources=[s for entry in each for s in entry.sources]) for each in same.values()]
        if collisions:
            notes.append(_words(row, collisions, [entry.lab for each in same.values() for entry in each]))
    return Merged(runs, [*notes, *_other_data(entries), *_other_code(entries)])


def _collision(same: Sequence[Entry]) -> Difference | None:
    """How far the first record of a run is from the one that is furthest from it."""
    found = [furthest(same[0].record, other.record) for other in same[1:]]
    return max((each for each in found if each), key=lambda each: each.relative, default=None)


def _of_its_lab(entry: Entry) -> Entry:
    spec = entry.record.spec.model_copy(update={"lab": entry.lab})
    return entry._replace(record=entry.record.model_copy(update={"spec": spec, "run_id": spec.run_id}))


def _words(row: RowKey, collisions: Sequence[Difference], labs: Sequence[str]) -> str:
    most = max(collisions, key=lambda each: each.relative)
    names = ", ".join(f"'{row[0]} ({lab})'" for lab in dict.fromkeys(labs))
    return (
        f"{row[0]} on {row[1]} ({row[3]} setting, {row[4]} budget): {counted(len(collisions), 'run')} with other "
        f"numbers in another lab, most of all {most}. All are kept, as rows {names}."
    )


def _other_data(entries: Sequence[Entry]) -> list[str]:
    """One sentence for each name that labs give to unlike data."""
    data: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for entry in entries:
        data[entry.record.spec.dataset][entry.record.spec.dataset_checksum].add(entry.lab)
    return [
        f"{name} is not the same data in all labs: "
        + "; ".join(f"checksum {checksum[:8]} of {', '.join(sorted(labs))}" for checksum, labs in sorted(sums.items()))
        + ". They are on boards of their own."
        for name, sums in sorted(data.items())
        if len(sums) > 1
    ]


def _other_code(entries: Sequence[Entry]) -> list[str]:
    """One sentence on the metrics that labs have computed by unlike code."""
    return [f"{words}." for words in of_unlike_code(unlike_code(entry.folder.legend().codes for entry in entries))]


def reasons(entry: Entry, known: Mapping[str, MetricEntry]) -> list[str]:
    """Why a run is not taken: another schema, changed since it was written, or metrics that mean something else.

    Parameters
    ----------
    known : mapping
        What metrics mean in the runs that are taken already.
    """
    record, folder = entry.record, entry.folder
    if record.schema_version != SCHEMA_VERSION or not record.digest:
        again = "in its own folder, `python -m bench evaluate` brings it up to date"
        return [f"it is of schema {record.schema_version}, without a digest that tells whether it was changed; {again}"]
    if problems := folder.problems(record):
        return [f"{problem} after it was written: it is not trusted" for problem in problems]
    metrics, here = folder.legend().metrics, set(map(metric_of, record.metrics))
    return [
        f"{name} is {_meaning(metrics[name])} there, and {_meaning(known[name])} in the other runs"
        for name in sorted(here & metrics.keys() & known.keys())
        if _meaning(metrics[name]) != _meaning(known[name])
    ]


def _meaning(metric: MetricEntry) -> str:
    """What two labs must agree in to have a metric in one column."""
    info = metric.info
    better = {"min": "lower is better", "max": "higher is better", "none": "not ranked"}[info.direction]
    return f"in {info.range}{f' {info.unit}' if info.unit else ''} ({better})"
