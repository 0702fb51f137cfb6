"""Records without training: models, data sets and seeds with known differences, holes and failures."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bench.compare.boards import Board, build
from bench.compare.columns import columns
from bench.plugins.loading import load_metric
from bench.plugins.registry import METRIC_REGISTRY
from bench.store.folder import Results
from bench.store.legend import Legend, MetricEntry
from bench.store.record import Provenance, Record, RunError
from bench.store.runs import RunStore
from bench.store.spec import RunSpec
from bench.store.views import Views
from metrics.base import MetricInfo
from metrics.dimensions import order_by_role, unit_roles
from tests.results import put

CHECKSUM = "e455a166e9739cb14229dd0febc676bc6b10f34b5b9673f3126d465732f1e230"
MODELS = ("vae", "vsc", "vsc-aligned", "topk", "topk-l1", "topk-hoyer", "batchtopk", "matryoshka", "mp", "random")
HOSTILE = "<script>alert(1)</script>"
NO_CATEGORIES = "the data set has <b>no categories"
SOFTWARE = {"bench": "0.1.0", "dirty": False, "python": "3.11.7", "torch": "2.6.0", "numpy": "2.4.6"}


def record(
    model: str,
    dataset: str = "mnist",
    seed: int = 0,
    metrics: dict[str, float] | None = None,
    variant: dict[str, Any] | None = None,
    status: Any = "done",
    error: str = "",
    commit: str = "97748ccbebd405b7",
) -> Record:
    spec = RunSpec(
        model=model, model_reference=f"models.{model}:Model", config={"k": 10} | (variant or {}), variant=variant or {},
        dataset=dataset, dataset_reference=f"bench.datasets.{dataset}:Source", dataset_checksum=CHECKSUM,
        settings="native", budget="quick", seed=seed,
    )  # fmt: skip
    made = {
        "software": SOFTWARE | {"commit": commit},
        "hardware": {"host": "node1", "platform": "Linux", "cpu": "a processor", "cores": 2, "gpus": []},
        **{"device": "cpu", "threads": 1, "command": "python -m bench run --models all"},
        **{"start": "2026-01-02T03:04:05+00:00", "end": f"2026-01-02T03:05:{seed:02d}+00:00"},
    }
    failure = RunError(type="ValueError", message=error, traceback="...") if error else None
    provenance = Provenance.model_validate(made)
    return Record(
        run_id=spec.run_id, spec=spec, status=status, metrics=metrics or {}, provenance=provenance, error=failure
    )


def scores(level: float, noise: np.ndarray, l0: float, clustered: bool = True) -> dict[str, float]:
    """Metrics of one run; `level` is its FVU without noise."""
    fvu = level + 0.002 * float(noise[0])
    found = {
        "fvu": fvu, "explained_variance": 1 - fvu, "mse": fvu / 15, "l0": l0 + 0.05 * float(noise[1]),
        "dead_fraction": abs(0.1 * float(noise[2])), "always_on_fraction": 0.0, "live_units": 200.0,
        "activity_variance_share": 0.9 + 0.01 * float(noise[3]), "global_units": 3.0, "class_specific_units": 5.0,
        "probe_accuracy": 0.95 - level / 10 + 0.002 * float(noise[4]), "train_seconds": 20 + float(noise[5]),
        "parameters": 402448.0, "inference_fvu.1/2k": fvu + 0.1, "inference_fvu.1k": fvu,
        "inference_fvu.2k": fvu - 0.01, "inference_fvu.4k": fvu + 0.02, "roles.dead": 3.0,
    }  # fmt: skip
    for tau in (0.3, 0.5, 0.7, 0.9):
        for role, count in (("global", 10), ("exclusive", 40), ("shared", 25)):
            found[f"roles.{role}@{tau}"] = round(count * (1 - tau)) + float(round(noise[6]))
    return found | ({"category_gap": 0.3 + 0.02 * float(noise[7])} if clustered else {})


def study(
    models: tuple[str, ...] = MODELS, datasets: tuple[str, ...] = ("fmnist", "mnist"), n_seeds: int = 5
) -> list[Record]:
    """Model i has an FVU of 0.1 + 0.02 i, but the first two do not differ; one run failed, some metrics are n/a."""
    rng = np.random.default_rng(0)
    records = []
    for dataset in datasets:
        for i, model in enumerate(models):
            for seed in range(n_seeds):
                found = scores(
                    0.1 + 0.02 * max(i, 1), rng.normal(size=8), 5 + 3 * (i % 4), clustered=dataset == "fmnist"
                )
                broken = (model, dataset, seed) == (models[-1], datasets[-1], 0)
                if broken:
                    records.append(record(model, dataset, seed, status="failed", error="out of memory\nat step 3"))
                else:
                    records.append(record(model, dataset, seed, found))
    return records


def sweep(model: str = "topk", ks: tuple[int, ...] = (5, 10, 20), offset: float = 0.0) -> list[Record]:
    """Variants of one model that differ in k: FVU falls by 0.01 for each unit of L0, from 0.5 at 0."""
    rng = np.random.default_rng(1)
    return [
        record(model, "mnist", seed, scores(0.5 - 0.01 * k + offset, rng.normal(size=8) * 1e-3, k), {"k": k})
        for k in ks
        for seed in range(3)
    ]


def hostile(n_seeds: int = 3) -> list[Record]:
    """Names and errors that are markup, very long, or both."""
    rng = np.random.default_rng(2)
    names = (HOSTILE, "<img src=x onerror=alert(2)>" + "very-long-" * 26, "&lt;b&gt;%{x}", "plain")
    records = [
        record(name, HOSTILE, seed, scores(0.1 * (1 + i), rng.normal(size=8), 5.0), {"field": "</script><!--\u2028"})
        for i, name in enumerate(names)
        for seed in range(n_seeds)
    ]
    return [*records, record("plain", HOSTILE, 9, status="failed", error=f"{HOSTILE}\nmore")]


def store_of(boards: list[Board], folder: Path) -> RunStore:
    """What every shown run leaves beside its record, and the record itself."""
    rng = np.random.default_rng(3)
    store = RunStore(folder)
    for board in boards:
        for run in board.representatives.values():
            put(store, run, results_of(run, rng))
    return store


def results_of(run: Record, rng: np.random.Generator, image_shape: tuple[int, ...] = (28, 28)) -> Results:
    """Arrays, views of noise, a history and a legend."""
    steps = np.arange(1.0, 44.0) * 50
    history = pd.DataFrame({"step": steps, "total": 1 / steps + 0.1, "fvu": 0.8 / steps + 0.1})
    rates = rng.beta(0.3, 2, size=(10, 256)).round(3)
    arrays = {"class_correlation": _correlations(rng), "density": rates.mean(0), "class_rates": rates}
    return Results({}, history, arrays, views_of(rng, rates, image_shape).to_arrays(), legend_of(run))


def legend_of(run: Record) -> Legend:
    """How the metrics of this package are read; of one that the run has no number of, why."""
    known = {"vae": "VAE family", "vsc": "VAE family", "vsc-aligned": "VAE family", "random": "floors"}
    family = known.get(run.spec.model, "SAE family" if run.spec.model in MODELS else "others")
    absent = {"category_gap"} - run.metrics.keys()
    entries = {name: MetricEntry(info=info) for name, info in infos().items()}
    for name in absent:
        entries[name] = MetricEntry(info=infos()[name], not_applicable=NO_CATEGORIES)
    return Legend(family=family, metrics=entries)


@cache
def infos() -> dict[str, MetricInfo]:
    """How each metric of this package is read."""
    return {name: load_metric(METRIC_REGISTRY.plugins[name]).info for name in METRIC_REGISTRY.builtins}


def views_of(rng: np.random.Generator, rates: np.ndarray, image_shape: tuple[int, ...] = (28, 28)) -> Views:
    """Views of noise: as many pictures as a run on ten classes leaves."""
    n_classes, n_features = len(rates), math.prod(image_shape)
    names = np.array([str(label) for label in range(n_classes)])
    roles = unit_roles(torch.from_numpy(rates))
    inputs = rng.random((n_classes, n_features), np.float32)
    return Views(
        image_shape=np.array(image_shape),
        class_names=names,
        unit_roles=np.array(roles),
        unit_order=order_by_role(rates, roles),
        inputs=inputs,
        input_names=names,
        outputs=inputs / 2,
        atoms=rng.normal(size=(100, n_features)).astype(np.float32),
        **varied_of(rates, inputs, rng),
        built_inputs=inputs[:2],
        built=rng.random((2, 3, n_features), np.float32),
        built_budgets=np.array([1, 4]),
        **units_of(rates, inputs, image_shape),
        top_inputs=rng.random((8, 9, n_features), np.float32),
        top_names=np.array([f"unit {unit}, dead" for unit in range(8)]),
    )


def varied_of(rates: np.ndarray, inputs: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Two units over three values in two classes."""
    return {
        "varied_units": np.array([3, 5]),
        "varied_levels": np.array([[0.0, 1.0, 2.0], [0.0, 0.25, 0.5]], np.float32),
        "varied_classes": np.array([0, 7]),
        "varied_rates": rates[[0, 7]][:, [3, 5]].T.astype(np.float32),
        "varied_inputs": inputs[[0, 7]],
        "varied": rng.random((2, 2, 3, inputs.shape[1]), np.float32),
    }


def units_of(rates: np.ndarray, inputs: np.ndarray, image_shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Every other unit up to the fortieth; the i-th is most active in sample i modulo 10; the names are hostile."""
    units = np.arange(0, min(40, rates.shape[1]), 2)
    n = len(units)
    return {
        "n_units_on": np.array([min(250, rates.shape[1]), rates.shape[1]]),
        "shown_units": units,
        "unit_tops": np.stack([(np.arange(n) + rank) % 10 for rank in range(3)], axis=1),
        "unit_values": np.tile(np.array([3.0, 2.0, 1.0], np.float32), (n, 1)),
        "unit_counts": np.tile(np.arange(5), (n, 1)),
        "unit_ranges": np.tile(np.array([0.5, 3.0], np.float32), (n, 1)),
        "unit_rates": rates.T[units].astype(np.float32),
        "shown_inputs": inputs,
        "shown_shape": np.array(image_shape),
        "shown_names": np.array([f"<b>photo {i}</b>" for i in range(10)]),
        "shown_classes": np.arange(10),
    }


def _correlations(rng: np.random.Generator) -> np.ndarray:
    found: np.ndarray = np.corrcoef(rng.normal(size=(10, 30)))
    return found


def boards_of(records: list[Record]) -> list[Board]:
    """Their boards, with the columns of the metrics of this package."""
    return build(records, columns(records, RunStore(Path("unused"))))


def swept() -> list[Any]:
    """topk and mp over L0 5 to 20, random atoms beside them, vsc at 5 and 8 alone."""
    floor = sweep("random", offset=0.2)
    return [*sweep("topk"), *sweep("mp", offset=-0.1), *floor, *sweep("vsc", ks=(5, 8))]


def noisy() -> list[Any]:
    """Curves of five seeds with noise of their own: some end before others, some lack a metric, one is a floor.

    Most of vae's units are dead, and the others always on. No other model has five seeds of its dead units.
    """
    found = []
    for i, (model, ks) in enumerate([
        ("topk", (5, 10, 30)), ("mp", (5, 10, 30)), ("omp", (4, 9, 21)), ("vsc", (5, 8)), ("vae", (3, 30)),
        ("random", (5, 20)),
    ]):  # fmt: skip
        rng = np.random.default_rng(i)
        for k in ks:
            for seed in range(5):
                given = scores(0.5 - 0.01 * k - 0.002 * i, rng.normal(size=8), k * (1 + 0.1 * rng.normal()))
                if model == "mp" and seed == 0:
                    del given["probe_accuracy"]
                if model != "vae" and seed == 1:
                    del given["dead_fraction"]
                if model == "vae":
                    given |= {"dead_fraction": 0.8 - 0.01 * k - 0.001 * seed, "always_on_fraction": 0.2}
                found.append(record(model, "mnist", seed, given, {"k": k}))
    return found
