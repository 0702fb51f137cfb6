"""Records -> boards and page: `python -m tests.performance.boards [MODELS DATASETS VALUES SEEDS]`.

Writes synthetic records, of a real run's size, into a temporary folder (by default 100 models x 10 data sets x 1 value
of a hyperparameter x 10 seeds), each with a legend, then prints processor seconds and peak memory of the verbs that
read them all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from bench.store.legend import Legend, MetricEntry
from bench.store.record import Hardware, Provenance, Record, Software
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from metrics import METRICS

KEYED = {"babel": 5, "roles": 13, "inference_fvu": 6, "sparse_probe": 4}
"""Metrics of several scalars, and how many; with the others as many as a run has."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def records(n_models: int, n_datasets: int, n_values: int, n_seeds: int) -> Iterator[Record]:
    """Every combination, with metrics that differ by model and value, and noise by seed."""
    names = [name if name not in KEYED else f"{name}.{key}" for name in METRICS for key in range(KEYED.get(name, 1))]
    made = Provenance(
        software=Software(python="1.2.3", torch="1.2.3", numpy="1.2.3", scipy="1.2.3", commit=COMMIT, dirty=False),
        hardware=Hardware(host="node", platform="Linux", cpu="EPYC", cores=2, memory_gib=23.5),
        device="cpu",
        threads=1,
        command="python -m bench run",
        start="2026-01-01T00:00:00+00:00",
        end="2026-01-01T00:00:13+00:00",
    )
    rng = np.random.default_rng(0)
    for model, dataset, value, seed in np.ndindex(n_models, n_datasets, n_values, n_seeds):
        spec = RunSpec(
            model=f"model{model}",
            model_reference="models.topk:TopK",
            config={"n_latents": 256, "k": 32, "epochs": 5, "batch_size": 128, "learning_rate": 1e-3 / (1 + value)},
            variant={"learning_rate": 1e-3 / (1 + value)} if value else {},
            dataset=f"data{dataset}",
            dataset_reference="bench.datasets.mnist:MNIST",
            dataset_checksum=f"{dataset:064x}",
            settings="native",
            budget="quick",
            seed=seed,
        )
        scores = (1 + model % 7 + 0.1 * value) * (1 + 0.01 * rng.standard_normal(len(names)))
        yield Record(
            run_id=spec.run_id,
            spec=spec,
            status="done",
            metrics=dict(zip(names, scores.tolist(), strict=True)),
            timings={"load": 0.1, "train": 8.0, "evaluate": 5.0, "total": 13.1},
            provenance=made,
        )


def legend_text() -> str:
    """The legend of a run that has every metric, as it lies beside its record."""
    from bench.plugins.loading import load_metrics

    entries = {name: MetricEntry(info=metric.info) for name, metric in load_metrics(list(METRICS)).items()}
    return Legend(metrics=entries).model_dump_json(indent=1)


def write(record: Record, legend: Path, store: RunStore) -> None:
    """Write a record and its legend. Without locks: nobody else is here, and there are thousands."""
    folder = store.folder(record.run_id)
    folder.path.mkdir(parents=True)
    folder.record_path.write_text(record.model_dump_json(indent=1), encoding="utf-8")
    os.link(legend, folder.path / "legend.json")


def measure(verb: str, results: Path, out: Path) -> str:
    """Run a verb in a process of its own: its processor seconds, and its peak memory."""
    command = [sys.executable, "-m", "bench", verb, "--results", str(results), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed.")
    return f"{usage.ru_utime + usage.ru_stime:.1f} s, {usage.ru_maxrss / 1024:.0f} MB"


def main(n_models: int = 100, n_datasets: int = 10, n_values: int = 1, n_seeds: int = 10) -> None:
    """Write, measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        results, out = Path(folder, "runs"), Path(folder, "out")
        store, count = RunStore(results), 0
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:  # torch here would count as memory of the verbs
            text = apart.submit(legend_text).result()
        legend = Path(folder, "legend.json")
        legend.write_text(text, encoding="utf-8")
        for record in records(n_models, n_datasets, n_values, n_seeds):
            write(record, legend, store)
            count += 1
        print(f"{count} records: {n_models} models x {n_datasets} data sets x {n_values} values x {n_seeds} seeds")
        for verb in ("leaderboard", "report"):
            print(f"{verb}: {measure(verb, results, out)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
