"""Every metric of 1,000,000 samples with 16,384 units at L0 64: seconds and peak memory of the process.

`python -m tests.performance.scale [SAMPLES]`. Random inputs of 64 features (256 MB of the memory), random atoms, and an
encoder that picks units by arithmetic: what metrics cost does not depend on what the units mean.
"""

from __future__ import annotations

import resource
import sys
import time

import torch
from torch import Tensor

from bench.datasets.base import Dataset, Split
from bench.execute.evaluation import evaluate, needs_of
from bench.execute.outputs import outputs_of
from models.base import SparseCodes
from models.topk import TopK
from tests.performance.evaluation import print_slowest, stopwatch

N_FEATURES, N_LATENTS, K = 64, 16_384, 64


class Scattered(TopK):
    """k units of a sample, far apart, from its first feature; their values from the others."""

    def code(self, x: Tensor, k: int) -> SparseCodes:
        first = (x[:, :1] * 2**20).long()
        slots = torch.arange(k)
        indices = (first * 7919 + slots * 2654435761) % self.config.n_latents
        return SparseCodes(0.1 + x[:, slots % N_FEATURES], indices, self.config.n_latents)


def main(n_samples: int) -> None:
    """Evaluate, and print a line per metric family's slowest and the totals."""
    torch.manual_seed(0)
    names = tuple("0123456789")
    test, train = (_split(n) for n in (n_samples, 10_000))
    dataset = Dataset(train, train, test, (8, 8), names, ("even", "odd") * 5)
    model = Scattered(TopK.Config(n_latents=N_LATENTS, k=K), N_FEATURES)
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    metrics = stopwatch(seconds)
    result = evaluate(outputs_of(model, dataset, test, needs_of(metrics)), metrics, seed=0)
    total = time.perf_counter() - start
    print_slowest(seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{n_samples} x {N_LATENTS}, L0 {result.scalars['l0']:.0f}: {total:.0f} s, of them encoding and decoding")
    print(f"{total - sum(seconds.values()):.0f} s; peak memory {peak:.1f} GiB; failed: {result.errors or 'none'}")


def _split(n: int) -> Split:
    return Split(torch.rand(n, N_FEATURES), torch.arange(n) % 10)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
