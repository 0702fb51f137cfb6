"""What the harness itself costs: `make performance`, or `python -m tests.performance.harness` (needs MNIST).

Prints two figures: the share of a whole command that is neither training nor evaluation arithmetic (imports, loading,
planning, writing), and the time of a VAE epoch here over that of a bare PyTorch loop of the same network.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.datasets.base import Dataset, Split
from bench.loading import load_dataset
from bench.registry import DATASET_REGISTRY
from bench.training import train
from models.vae import VAE, VAEConfig

ROUNDS = 5
BATCH_SIZE = 128


def harness_share() -> tuple[float, float]:
    """Whole seconds of `run --models all --datasets mnist --seeds 1`, and those outside training and evaluation."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench", "run", "--models", "all", "--datasets", "mnist", "--seeds", "1"]
        start = time.perf_counter()
        subprocess.run([*command, "--results", folder], check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - start
        records = [json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).glob("*/record.json")]
    arithmetic = sum(record["timings"]["train"] + record["timings"]["evaluate"] for record in records)
    return whole, whole - arithmetic


class BareVAE(nn.Module):
    """The network of `models.vae`, as anyone would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.heads = nn.Linear(784, 400), nn.Linear(400, 128)
        self.hidden, self.pixels = nn.Linear(64, 400), nn.Linear(400, 784)

    def forward(self, x: Tensor) -> Tensor:
        mu, log_variance = self.heads(F.relu(self.encoder(x))).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * log_variance) * torch.randn_like(mu)
        logits = self.pixels(F.relu(self.hidden(z)))
        nll = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_variance - mu.pow(2) - log_variance.exp())
        return (nll + kl) / len(x)


def bare_epoch(data: Split) -> float:
    """Seconds of one epoch of the bare loop."""
    torch.manual_seed(0)
    model = BareVAE()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    start = time.perf_counter()
    for rows in torch.randperm(len(data)).split(BATCH_SIZE):
        loss = model(data.x[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return time.perf_counter() - start


def our_epoch(data: Split) -> float:
    """Seconds of one epoch of the harness's training, history and checks included."""
    torch.manual_seed(0)
    return train(VAE(VAEConfig(epochs=1, batch_size=BATCH_SIZE), 784), data, batches_seed=0).seconds


def vae_epoch(dataset: Dataset) -> tuple[float, float, float]:
    """Medians over rounds in turn: ours, bare, and their ratio."""
    bare_epoch(dataset.train.head(5000))
    pairs = [(our_epoch(dataset.train), bare_epoch(dataset.train)) for _ in range(ROUNDS)]
    ours, bare = (statistics.median(times) for times in zip(*pairs, strict=True))
    return ours, bare, statistics.median(a / b for a, b in pairs)


def main() -> None:
    """Measure and print."""
    data_dir = Path(os.environ.get("BENCH_DATA_DIR", "data"))
    dataset = load_dataset(DATASET_REGISTRY.find("mnist"), data_dir)
    ours, bare, ratio = vae_epoch(dataset)
    threads = torch.get_num_threads()
    print(f"VAE epoch, batch {BATCH_SIZE}, {threads} threads: {ours:.2f} s, bare {bare:.2f} s, ratio {ratio:.3f}")
    whole, harness = harness_share()
    print(
        f"run --models all --datasets mnist --seeds 1: {whole:.0f} s, harness {harness:.1f} s = {harness / whole:.1%}"
    )


if __name__ == "__main__":
    main()
