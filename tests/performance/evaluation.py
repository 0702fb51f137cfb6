"""What evaluation costs: a TopK SAE of 1,000 units on MNIST's 10,000 test images, all metrics, slowest first.

`python -m tests.performance.evaluation [cuda]`, with MNIST at `BENCH_DATA_DIR`. Evaluated twice: the first time in a
process, a GPU's kernels are loaded and compiled.
"""

from __future__ import annotations

import os
import sys
import time
from functools import wraps
from pathlib import Path
from typing import Any

import torch

from bench.execute.evaluation import Metrics, evaluate, needs_of
from bench.execute.outputs import outputs_of
from bench.execute.training import train
from bench.plugins.loading import load_dataset, load_metrics
from bench.plugins.registry import DATASET_REGISTRY
from metrics.base import Metric
from models.topk import TopK

STEPS = 200


def main(device: str) -> None:
    """Train a little, evaluate, and print the slowest metrics and the totals with and without probes."""
    dataset = load_dataset(DATASET_REGISTRY.find("mnist"), Path(os.environ["BENCH_DATA_DIR"])).to(torch.device(device))
    torch.manual_seed(0)
    model = TopK(TopK.Config(n_latents=1000, k=10), dataset.n_features).to(device)
    training = train(model, dataset.train, 0, max_steps=STEPS)
    for time_of in ("first", "second"):
        seconds: dict[str, float] = {}
        start = time.perf_counter()
        metrics = stopwatch(seconds)
        outputs = outputs_of(model, dataset, dataset.test, needs_of(metrics))
        evaluate(outputs, metrics, seed=0, training=training)
        total = time.perf_counter() - start
        print_slowest(seconds)
        probes = sum(spent for name, spent in seconds.items() if metrics[name].info.family == "probing")
        told = f"{total:.1f} s, of them {probes:.1f} s in probes, {total - probes:.1f} s in all else"
        print(f"10,000 x 1,000 on {device}, the {time_of} time: {told}\n")


def stopwatch(seconds: dict[str, float]) -> Metrics:
    """Every metric, asking for the same, noting what it took."""

    def timed(name: str, metric: Metric[..., Any]) -> Metric[..., Any]:
        @wraps(metric.function)
        def run(**needs: Any) -> Any:
            start = time.perf_counter()
            try:
                return metric(**needs)  # a number, for which the host waits
            finally:
                seconds[name] = time.perf_counter() - start

        return Metric(run, metric.info, metric.validation, metric.own_needs)

    return {name: timed(name, metric) for name, metric in load_metrics().items()}


def print_slowest(seconds: dict[str, float], n: int = 12) -> None:
    """The n slowest metrics."""
    for name, spent in sorted(seconds.items(), key=lambda item: -item[1])[:n]:
        print(f"{name:<24} {spent:6.2f} s")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "cpu")
