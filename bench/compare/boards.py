"""Records -> boards: one per data set, setting and budget; a row per model and variant, a column per metric."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from bench.compare.agreement import is_cost
from bench.compare.marks import ALIKE, MARK_SEEDS, marked
from bench.compare.names import told_apart
from bench.compare.stats import Interval, t_intervals
from bench.errors import clipped, counted, first_line, listed
from bench.store.record import Record, metric_of
from metrics.base import MetricInfo

GroupKey = tuple[str, str, str, str]


@dataclass(frozen=True)
class Column:
    """A column of a board: one number of a metric."""

    name: str
    """Its name in records: `metric`, or `metric.key`."""
    info: MetricInfo
    """How to read it."""

    @property
    def header(self) -> str:
        """Label with the unit and an arrow towards better values, e.g. 'FVU ↓'."""
        arrow = {"min": " ↓", "max": " ↑", "none": ""}[self.info.direction]
        unit = f" [{self.info.unit}]" if self.info.unit else ""
        return f"{self.info.label}{unit}{arrow}"


@dataclass(frozen=True)
class Row:
    """A row of a board: a model and variant, with the scores of its runs."""

    model: str
    """Display name of the model."""
    variant: dict[str, Any]
    """Hyperparameters that differ from the model's setting."""
    label: str
    """Model and variant, as the board names the row."""
    n_done: int
    """Number of seeds whose runs are done."""
    values: dict[str, dict[int, float]]
    """Metric -> seed -> value; of a deterministic row the one value, for every seed of the board."""
    intervals: dict[str, Interval]
    """Metric -> mean and interval over seeds."""
    failures: dict[int, str]
    """Seed -> message of a failed run."""
    metric_errors: dict[str, dict[int, str]]
    """Metric -> seed -> message, for metrics that raised in runs that are done."""
    deterministic: bool
    """Whether its numbers do not depend on the seed, as its model declares or as its runs show: it has no interval."""
    imported: bool = False
    """Whether its models were trained elsewhere: its runs are of checkpoints, and not of seeds."""


@dataclass(frozen=True)
class Board:
    """The rows of one data set, setting and budget."""

    dataset: str
    """Display name of the data set."""
    settings: str
    """"native" or "matched"."""
    budget: str
    """A name of `bench.store.spec.BUDGETS`."""
    columns: list[Column]
    """A column for every number that some row has, in the order of the metrics."""
    rows: list[Row]
    """Best first by the first ranked column."""
    ties: dict[str, set[str]]
    """Ranked metric -> labels of the marked rows (`bench.compare.marks`); no entry where nothing can be said."""
    records: list[Record]
    """The runs behind the rows."""
    superseded: int
    """Older runs that are not shown, as a newer run of other hyperparameters, code or version has their label."""
    data_version: str
    """Start of the data's checksum, if several data sets have this name; else ""."""
    unlike: Sequence[str] = ()
    """Metrics that were computed by unlike code in its runs."""

    @property
    def title(self) -> str:
        """'mnist, native setting, quick budget', with the data version if there is one."""
        version = f" (data {self.data_version})" if self.data_version else ""
        return f"{self.dataset}{version}, {self.settings} setting, {self.budget} budget"

    @cached_property
    def seeds(self) -> list[int]:
        """The different seeds of its runs; of rows that no seed matters to only where there are no others."""
        fixed = {row.label for row in self.rows if row.deterministic or row.imported}
        seeds = {record.spec.seed for record in self.records if record.spec.label not in fixed}
        return sorted(seeds or {record.spec.seed for record in self.records})

    @cached_property
    def representatives(self) -> dict[str, Record]:
        """Label of a row -> the run that represents it in figures: the run with the lowest seed that is done."""
        runs: dict[str, Record] = {}
        for record in sorted(self.records, key=lambda record: record.spec.seed):
            if record.status == "done":
                runs.setdefault(record.spec.label, record)
        return runs

    @property
    def headline(self) -> list[Column]:
        """The columns that a printed board shows."""
        return [column for column in self.columns if column.info.headline]


def remarks(records: Sequence[Record], most: int | None = None) -> list[str]:
    """What a reader should know of some runs: what their records note, and other software on a cluster's node.

    Parameters
    ----------
    most : int, optional
        Letters of the names of rows that a note is of; the others are counted. None: all are named.
    """
    notes: dict[str, list[str]] = defaultdict(list)
    for record in records:
        for note in (*record.notes, *([f"n/a: {record.not_applicable}"] if record.not_applicable else ())):
            notes[f"{record.spec.dataset}: {first_line(note)}"].append(record.spec.label)
    rows = {words: list(dict.fromkeys(labels)) for words, labels in notes.items()}
    told = [
        f"{', '.join(labels) if most is None else listed(labels, most)} on {words}" for words, labels in rows.items()
    ]
    return [*told, *_other_software(records)]


def _other_software(records: Sequence[Record]) -> list[str]:
    """One sentence for each run whose cluster node had other software than the submission."""
    return [
        f"{record.run_id} ran with other software than it was submitted with: {', '.join(differs)}"
        for record in records
        if (differs := record.provenance.cluster and record.provenance.cluster.differs)
    ]


def caveats(board: Board) -> list[str]:
    """What a reader of a board should know, a sentence each: runs that are not shown, and what has no marks."""
    n = board.superseded
    what = f"{counted(n, 'older run')} of other hyperparameters, code or version {'is' if n == 1 else 'are'} left out"
    older = [f"{board.title}: {what}"] if n else []
    unlike = [f"{board.title}: {words}" for words in of_unlike_code(board.unlike)]
    return [*older, *unlike, *not_ranked(board)]


def unlike_code(codes: Iterable[Mapping[str, str]]) -> list[str]:
    """The metrics that were computed by unlike code, from metric -> code of some runs.

    Those of cost, which only training can compute, are left out.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for each in codes:
        for name, code in each.items():
            found[name].add(code)
    return sorted(name for name, several in found.items() if len(several) > 1 and not is_cost(name))


def of_unlike_code(names: Sequence[str]) -> list[str]:
    """One sentence on such metrics; none where there are none."""
    what = f"{counted(len(names), 'metric')} computed by unlike code: {clipped(', '.join(names))}"
    return [f"{what}; `python -m bench evaluate` computes them anew, by one"] if names else []


def not_ranked(board: Board) -> list[str]:
    """One sentence for what keeps a board, or a column of it, from having marks."""
    ranked = [column for column in board.columns if column.info.direction != "none"]
    unpaid = [c for c in ranked if c.info.against and c.info.against not in {column.name for column in board.columns}]
    reasons = [
        f"{board.title}: rows differ in their {column.info.given}, so none is best by {column.header}"
        for column in board.columns
        if column.info.given and column.info.direction == "none"
    ]
    reasons += [
        f"{board.title}: {column.header} is bought with {column.info.against}, which was not measured: it has no marks"
        for column in unpaid
    ]
    if len(ranked) > len(unpaid) and not board.ties:
        reasons.append(f"{board.title}: nothing is marked, as a mark takes {MARK_SEEDS} seeds that the rows share")
    return reasons


def compared_at_a_price(boards: Sequence[Board]) -> str:
    """One sentence on the printed columns whose marks are among rows that pay alike or less; "" if there are none."""
    columns = [column for board in boards if board.ties for column in board.headline if column.info.against]
    labels = {column.name: column.info.label for board in boards for column in board.columns}
    headers = dict.fromkeys(column.info.label for column in columns)
    prices = dict.fromkeys(labels.get(column.info.against, column.info.against) for column in columns)
    if not columns:
        return ""
    low = f"as low (within {ALIKE - 1:.0%}) or lower"
    return f"{', '.join(headers)}: compared with rows whose {', '.join(prices)} is {low}."


def build(
    records: Sequence[Record], columns: Sequence[Column], codes: Mapping[str, Mapping[str, str]] | None = None
) -> list[Board]:
    """All boards of some records. Runs on data of different checksums never share a board.

    Parameters
    ----------
    codes : mapping, optional
        Run id -> metric -> what identifies the code that computed it.
    """
    groups: dict[GroupKey, list[Record]] = defaultdict(list)
    for record in told_apart(records):
        spec = record.spec
        groups[spec.dataset, spec.settings, spec.budget, spec.dataset_checksum].append(record)
    names = Counter(key[:3] for key in groups)
    return [
        _board(group, columns, codes or {}, data_version=key[3][:8] if names[key[:3]] > 1 else "")
        for key, group in sorted(groups.items())
    ]


def _board(
    records: list[Record], columns: Sequence[Column], computed_by: Mapping[str, Mapping[str, str]], data_version: str
) -> Board:
    by_label: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.provenance.end):
        by_label[record.spec.label].append(record)
    current = {label: _current(runs) for label, runs in by_label.items()}
    codes = {label: _newest_code(list(runs.values())) for label, runs in current.items()}
    rows = [_row(label, runs, codes[label]) for label, runs in current.items()]
    current_records = [record for runs in current.values() for record in runs.values()]
    done = [record for record in current_records if record.status == "done"]
    fullest_first = sorted(done, key=lambda record: -len(record.metrics))  # what others lack has its place, too
    names = list(dict.fromkeys(name for record in fullest_first for name in record.metrics))
    shown = [_comparable(scalar, current_records) for column in columns for scalar in _expand(column, names)]
    shown = [_of_one_code(column, rows, codes) for column in shown]
    ranked = [column for column in shown if column.info.direction != "none"]
    seeds = sorted({record.spec.seed for record in current_records})
    rows = [_settled(row, seeds) for row in rows]
    found = {column.name: _marked(rows, column.name, column.info) for column in ranked}
    ties = {name: labels for name, labels in found.items() if labels is not None}
    spec = current_records[0].spec
    superseded = len(records) - len(current_records)
    where = (spec.dataset, spec.settings, spec.budget)
    unlike = unlike_code([computed_by.get(record.run_id, {}) for record in current_records])
    return Board(*where, shown, _sorted(rows, ranked), ties, current_records, superseded, data_version, unlike)


def _marked(rows: Sequence[Row], name: str, info: MetricInfo) -> set[str] | None:
    """Labels of the rows that are marked in a column; None where nothing can be said."""
    values = {row.label: row.values.get(name, {}) for row in rows}
    return marked(values, info.direction == "max", prices(rows, info))


def prices(rows: Sequence[Row], info: MetricInfo) -> dict[str, float] | None:
    """Label -> what the row pays for a metric on average; None for a metric that is not bought with anything."""
    if not info.against:
        return None
    return {row.label: row.intervals[info.against].mean for row in rows if info.against in row.intervals}


def _current(runs: Sequence[Record]) -> dict[int, Record]:
    """Seed -> run, for the runs of a label (oldest first) with the newest run's hyperparameters, code and version."""

    def identity(record: Record) -> tuple[Any, ...]:
        spec = record.spec
        code = None if spec.imported else spec.code  # replicates of one recipe have files of their own
        return spec.config, code, spec.min_steps, spec.max_steps, spec.max_eval

    same_kind = [run for run in runs if identity(run) == identity(runs[-1])]
    if runs[-1].spec.imported:  # a checkpoint that has another number by now is the same one
        same_kind = list({run.spec.code: run for run in same_kind}.values())
    versions = [run.provenance.version for run in same_kind]
    newest = next((version for version in reversed(versions) if version), None)
    return {run.spec.seed: run for run, version in zip(same_kind, versions, strict=True) if version in (None, newest)}


def _comparable(column: Column, records: Sequence[Record]) -> Column:
    """The column; not ranked if its rows differ in the hyperparameter that they must have in common."""
    field = column.info.given
    if not field:
        return column
    values = {str(r.spec.config[field]) for r in records if column.name in r.metrics and field in r.spec.config}
    return column if len(values) < 2 else replace(column, info=replace(column.info, direction="none"))


def _of_one_code(column: Column, rows: Sequence[Row], codes: Mapping[str, Mapping[str, str]]) -> Column:
    """The column; not ranked if its rows are of a metric that was edited between them."""
    metric = metric_of(column.name)
    found = {codes[row.label].get(metric) for row in rows if column.name in row.values}
    return column if len(found) < 2 else replace(column, info=replace(column.info, direction="none", given="code"))


def _expand(column: Column, names: Sequence[str]) -> list[Column]:
    """The column, or one for each key of a metric that returns several numbers, in order; none if no row has it."""
    if column.name in names:
        return [column]
    keys = [name.partition(".")[2] for name in names if metric_of(name) == column.name]
    return [Column(f"{column.name}.{key}", replace(column.info, label=f"{column.info.label} {key}")) for key in keys]


def _row(label: str, runs: Mapping[int, Record], newest: Mapping[str, str]) -> Row:
    values: dict[str, dict[int, float]] = defaultdict(dict)
    errors: dict[str, dict[int, str]] = defaultdict(dict)
    for seed, record in sorted(runs.items()):
        outdated = {metric for metric, code in newest.items() if record.metric_code.get(metric) != code}
        for name, value in record.metrics.items() if record.status == "done" else ():
            if not outdated or metric_of(name) not in outdated:
                values[name][seed] = value
        for name, message in record.metric_errors.items():
            errors[name][seed] = message
    spec = next(iter(runs.values())).spec
    failures = {
        seed: record.error.message if record.error else record.status
        for seed, record in sorted(runs.items())
        if record.status != "done"
    }
    declared = any(record.deterministic for record in runs.values())
    n_done = len(runs) - len(failures)
    return Row(
        spec.model,
        spec.variant,
        label,
        n_done,
        dict(values),
        intervals_of(values),
        failures,
        dict(errors),
        declared,
        spec.imported,
    )


def _settled(row: Row, seeds: Sequence[int]) -> Row:
    """The row without intervals, and with its values for every seed, if its numbers do not depend on the seed."""
    if not _does_not_vary([by_seed for name, by_seed in row.values.items() if not is_cost(name)], row.deterministic):
        return replace(row, deterministic=False)
    intervals = {name: Interval(interval.mean, None) for name, interval in row.intervals.items()}
    values = {name: _for_every_seed(by_seed, seeds) for name, by_seed in row.values.items()}
    return replace(row, values=values, intervals=intervals, deterministic=True)


def _does_not_vary(numbers: Sequence[Mapping[int, float]], declared: bool) -> bool:
    """Whether all seeds agree in every number, two seeds or more if it is not declared."""
    known = declared or any(len(by_seed) > 1 for by_seed in numbers)
    return known and all(len(set(by_seed.values())) == 1 for by_seed in numbers)


def _for_every_seed(by_seed: Mapping[int, float], seeds: Sequence[int]) -> dict[int, float]:
    """The one value for every seed; those of several runs that differ, as timings do, as they are."""
    first, *others = set(by_seed.values())
    return dict(by_seed) if others else dict.fromkeys(seeds, first)


def _newest_code(records: Sequence[Record]) -> dict[str, str]:
    """Metric that is not built in -> the code of the newest run that has it: numbers of other code are left out."""
    codes: dict[str, str] = {}
    for record in sorted(records, key=lambda record: record.provenance.end):
        codes |= record.metric_code
    return codes


def intervals_of(values: Mapping[str, Mapping[int, float]]) -> dict[str, Interval]:
    """The interval of each metric; metrics with equally many seeds are computed together."""
    lengths: dict[int, list[str]] = defaultdict(list)
    for name, by_seed in values.items():
        lengths[len(by_seed)].append(name)
    intervals: dict[str, Interval] = {}
    for names in lengths.values():
        intervals |= dict(zip(names, t_intervals([list(values[name].values()) for name in names]), strict=True))
    return {name: intervals[name] for name in values}


def _sorted(rows: list[Row], ranked: Sequence[Column]) -> list[Row]:
    """Best first by the first ranked column; rows without it last."""
    if not ranked:
        return sorted(rows, key=lambda row: row.label)
    sign = 1 if ranked[0].info.direction == "min" else -1

    def key(row: Row) -> tuple[bool, float, str]:
        interval = row.intervals.get(ranked[0].name)
        return interval is None, sign * interval.mean if interval else 0.0, row.label

    return sorted(rows, key=key)
