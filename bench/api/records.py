"""`bench.results`: a results folder as one tidy table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench import RESULTS
from bench.api.arguments import results_folder
from bench.compare.columns import columns
from bench.compare.names import told_apart
from bench.errors import BenchError
from bench.store.record import Record, metric_of
from bench.store.runs import RunStore

COLUMNS = (
    "run", "model", "variant", "dataset", "settings", "budget", "seed", "status", "metric", "value", "reason",
)  # fmt: skip


def results(folder: Path | str = RESULTS) -> pd.DataFrame:
    """All numbers of a results folder, one a row.

    Parameters
    ----------
    folder : path
        As `--results` of the command line.

    Returns
    -------
    DataFrame
        Columns: run (its id), model, variant (hyperparameters that differ from the setting's), dataset, settings,
        budget, seed, status, metric, value, and reason: why there is no value. A run that failed has a row without a
        metric. Its `attrs` hold, by metric, "labels", "units" ("" for a pure number) and "directions" ("min", "max" or
        "none": which values are better), and "results", the folder.

    Raises
    ------
    BenchError
        There is no record that can be read.

    Examples
    --------
    >>> import bench
    >>> _ = bench.run("topk,pca", "digits", seeds=1, budget="smoke", metrics="fvu,l0", verbose=False)
    >>> table = bench.results()
    >>> sorted(set(table.metric))
    ['fvu', 'l0']
    >>> table.attrs["units"]["l0"], table.attrs["directions"]["fvu"]
    ('units', 'min')
    >>> wide = table.pivot_table(index="model", columns="metric", values="value")
    >>> bool(wide.fvu["pca"] < 0.5)
    True
    """
    store = RunStore(results_folder(folder, "folder"))
    records = store.scan().records
    if not records:
        raise BenchError(f"No records that can be read in '{folder}'. Make some with bench.run(...).")
    return tidy(records, store)


def tidy(records: Sequence[Record], store: RunStore) -> pd.DataFrame:
    """Some records as the table that `results` describes."""
    rows = [row for record in told_apart(records) for row in _rows(record, store)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    infos = {column.name: column.info for column in columns(records, store)}
    names = [name for name in dict.fromkeys(table.metric.dropna()) if metric_of(name) in infos]
    table.attrs |= attrs_of({name: infos[metric_of(name)] for name in names}) | {"results": str(store.root)}
    return table


def attrs_of(infos: dict[str, Any]) -> dict[str, dict[str, str]]:
    """How to read metrics, as `attrs` of a table have it, from their declarations."""
    return {
        "labels": {name: info.label for name, info in infos.items()},
        "units": {name: info.unit for name, info in infos.items()},
        "directions": {name: info.direction for name, info in infos.items()},
    }


def _rows(record: Record, store: RunStore) -> Iterator[dict[str, Any]]:
    """A row for each number of a record, and for each reason why there is none."""
    spec = record.spec
    variant = " ".join(f"{field}={value}" for field, value in spec.variant.items())
    head: dict[str, Any] = {"run": record.run_id, "model": spec.model, "variant": variant, "dataset": spec.dataset}
    head |= {"settings": spec.settings, "budget": spec.budget, "seed": spec.seed, "status": record.status}
    if record.status != "done":
        yield head | {"reason": record.error.message if record.error else record.status}
    for name, value in record.metrics.items():
        yield head | {"metric": name, "value": value, "reason": ""}
    for name, entry in store.folder(record.run_id).legend().metrics.items():
        if entry.not_applicable:
            yield head | {"metric": name, "reason": f"n/a: {entry.not_applicable}"}
    for name, message in record.metric_errors.items():
        yield head | {"metric": name, "reason": f"failed: {message}"}
