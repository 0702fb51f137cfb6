"""`bench.evaluate`: metrics of a trained model, on data of one's own or of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bench.api.arguments import data_folder, names_in
from bench.api.arrays import plain, settings_restored
from bench.api.records import attrs_of
from bench.api.trained import Trained
from bench.datasets.base import Dataset, Split
from bench.datasets.conversion import DataError
from bench.datasets.readers import class_name
from bench.datasets.scaling import Scaling
from bench.errors import BenchError
from bench.execute.evaluation import Evaluation, Metrics, evaluate as measured, needs_of
from bench.execute.outputs import outputs_of
from bench.plugins.loading import load_dataset, load_metrics
from bench.plugins.registry import DATASET_REGISTRY
from bench.store.record import metric_of
from metrics.needs import TRAIN

if TYPE_CHECKING:
    from bench.api.coder import SparseCoder

OF_TRAINING = (TRAIN, "mean_embedding")
"""How the needs of a metric begin that are of the training samples."""


def evaluate(
    model: Trained | SparseCoder,
    data: str | Path | ArrayLike | tuple[ArrayLike, ArrayLike],
    labels: ArrayLike | None = None,
    *,
    metrics: str | Sequence[str] = "all",
    data_dir: Path | str | None = None,
) -> pd.DataFrame:
    """Measure a trained model on data.

    Parameters
    ----------
    model : Trained or SparseCoder
        Of `bench.load`, or an estimator that is fitted.
    data : str or array
        The name or path of a data set, whose test split it is; or inputs (N, ...), in the units that they have; or a
        pair of these and labels.
    labels : array, optional
        Of an array: classes (N,), as in the data that the model was trained on: by their names, or by their numbers
        where the names are words.
    metrics : str or sequence of str
        "all", names, or "my_metric.py:function".
    data_dir : path, optional
        Folder of data sets, by default BENCH_DATA_DIR, else `data`.

    Returns
    -------
    DataFrame
        Columns metric, value and reason: why there is no value. Its `attrs` are those of `bench.results`. Probes are
        fitted on the training split of the data set that is named, or else of the model's own.

    Raises
    ------
    BenchError
        The model does not take the data, or a metric is not known.

    Examples
    --------
    >>> import bench
    >>> table = bench.run("pca", "digits", seeds=1, budget="smoke", metrics="fvu,l0", verbose=False)
    >>> again = bench.evaluate(bench.load("pca-digits"), "digits", metrics="fvu,l0")
    >>> bool(again.value[0] == table.value[0])
    True
    """
    trained: Any = getattr(model, "trained_", model)
    if not isinstance(trained, Trained):
        raise BenchError(f"model is {type(model).__name__}: give what bench.load returned, or a SparseCoder after fit.")
    chosen = load_metrics(names_in(metrics))
    if isinstance(data, tuple) and len(data) == 2 and labels is None:
        data, labels = data
    if isinstance(data, Path):
        (data,) = names_in(data)
    dataset = _dataset(trained, data, labels, data_folder(data_dir))
    needs = needs_of(chosen)
    if not isinstance(data, str) and trained.data is None:
        needs = {need for need in needs if not need.startswith(OF_TRAINING)}
    with settings_restored():
        found = measured(outputs_of(trained.model, dataset, dataset.test, needs), chosen, trained.noise)
    return _table(found, chosen)


def _table(found: Evaluation, metrics: Metrics) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [{"metric": n, "value": value, "reason": ""} for n, value in found.scalars.items()]
    rows += [{"metric": name, "reason": f"n/a: {reason}"} for name, reason in found.not_applicable.items()]
    rows += [{"metric": name, "reason": f"failed: {message}"} for name, message in found.errors.items()]
    table = pd.DataFrame(rows, columns=["metric", "value", "reason"])
    table.attrs |= attrs_of({name: metrics[metric_of(name)].info for name in table.metric})
    return table


def _dataset(trained: Trained, data: Any, labels: ArrayLike | None, folder: Path) -> Dataset:
    """What is measured, normalised as the model was: its test split is the data."""
    if isinstance(data, str):
        if labels is not None:
            raise BenchError("labels: a data set that is named has its own; leave them out.")
        dataset = load_dataset(DATASET_REGISTRY.find(data), folder)
        if not _alike(dataset.scaling, trained.scaling):
            undone = dataset.scaling.undone if dataset.scaling else Tensor.float

            def changed(split: Split) -> Split:
                return replace(split, x=trained.normalised(undone(split.x)))

            dataset = replace(dataset.with_splits(changed), scaling=trained.scaling)
        return dataset.to(trained.device)
    x = trained.normalised(data)
    try:
        test = Split(x, _numbered(labels, trained.data))
    except DataError as error:
        raise BenchError(str(error)) from error
    if trained.data:
        return replace(trained.data.to(trained.device), test=test)
    return Dataset(test, test, test, (trained.n_features,), (), scaling=trained.scaling)


def _numbered(labels: ArrayLike | None, data: Dataset | None) -> Any:
    """Labels by the numbers of the classes that the model's data have, -1 for none; as they are where these have none.

    BenchError for a class that is not among them.
    """
    if labels is None or data is None or not data.class_names:
        return labels
    known = {name: number for number, name in enumerate(data.class_names)}
    values = plain("labels", labels)
    words = [class_name(value) for value in values.ravel().tolist()]
    none = {word for word in words if word in ("", "nan") or (word.startswith("-") and values.dtype.kind in "if")}
    strange = [word for word in words if word not in known and word not in none]
    if strange and values.dtype.kind in "iu" and not any(name.isdecimal() for name in known):
        return labels
    if strange:
        raise BenchError(f"labels has '{strange[0]}', which is not among the classes {', '.join(known)}.")
    return [known.get(word, -1) for word in words]


def _alike(first: Scaling | None, second: Scaling | None) -> bool:
    """Whether two normalisations do the same, so that no digit needs to change."""
    if first is None or second is None:
        return first is second
    return torch.equal(first.shift, second.shift) and torch.equal(first.scale, second.scale)
