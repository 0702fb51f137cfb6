"""Trained models beside published ones, on real data: `make fidelity`, or `python -m tests.fidelity` (about an hour).

Runs what is missing, like `bench run`, then writes results/fidelity.md. Exit status 1 if -ELBO does not fall in the
published order: VSC at alpha 0.01, 0.2, 0.5, VAE.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from bench import RESULTS
from bench.execute import environment
from bench.execute.build import load_trained
from bench.execute.console import Reporter
from bench.execute.dispatch import Inline
from bench.execute.job import Job
from bench.plan.request import Request
from bench.plan.runs import make_plan
from bench.plugins.loading import load_dataset
from bench.plugins.registry import DATASET_REGISTRY
from bench.show.printing import make_console
from bench.store.record import Record
from bench.store.runs import RunStore
from metrics.dictionary import babel, coherence

REPORT = Path("results/fidelity.md")

PUBLISHED_BOUNDS = {
    "mnist": {"VSC alpha 0.01": 133.9, "VSC alpha 0.2": 120.2, "VSC alpha 0.5": 115.0, "VAE": 106.3},
    "fmnist": {"VSC alpha 0.01": 256.6, "VSC alpha 0.2": 254.2, "VSC alpha 0.5": 250.3, "VAE": 244.9},
}
"""-ELBO in nats per test image at M 200, one seed, of a re-implementation of VSC's ICLR version."""

PUBLISHED_DICTIONARY = {"coherence": 0.944, "mu(2)": 1.884, "mu(5)": 4.653, "mu(10)": 8.842, "mu(50)": 38.30}
"""Of the dictionary that arXiv 2506.05239's authors released: M 1000, k 10, 50 epochs of MNIST."""

BOUNDS_TEXT = """\
-ELBO in nats per test image at M 200, 11 epochs of batches of 32, seed 0; lower is better. The order is the published
one. Ours are evaluated with exact Bernoulli spikes, the published with relaxed ones; that is not what separates them:
the published code, run here at alpha 0.5 on MNIST and evaluated with exact spikes, reaches 114.5. What matters is the
schedule. Without a warm-up (last row) a small alpha switches nearly all units off before the decoder has learnt to use
them. Holding the slab at the prior meanwhile costs 3.5 nats at alpha 0.5 and 0.2. Ours moves the prior's spikes from
1/2 to alpha over half of training, and raises the KL terms over the first twentieth: chosen on MNIST's validation split
for all three alphas together. No schedule that was tried is best at each: alpha 0.2 alone is better served without the
prior's warm-up (`alpha_warmup=0 kl_warmup=0.2`: 121.4 on MNIST), at which alpha 0.01 is at 140.8.
"""

DICTIONARY_TEXT = """\
The atoms of `mp` at M 1000, k 10 after 50 epochs of batches of 50 on MNIST, seed 0, beside the dictionary that the
paper's authors released: coherence is max |D_i . D_j|, mu(r) the Babel function, the largest summed coherence of an
atom with r others. Theirs saw the first 50,000 training images, and atom dropout in the first epoch; ours 55,000.
"""


def carry_out(job: Job, **request: Any) -> list[Record]:
    """The records of a request at the full budget, seed 0; runs those that are missing."""
    store = RunStore(job.results)
    plan = make_plan(Request.build(budget="full", seeds="1", **request), store, job.data_dir)
    executor = Inline()
    executor.require(plan.todo, job)
    executor.execute(plan.todo, job, Reporter(len(plan.todo), job.results, make_console()))
    records = [store.load(spec.run_id) for spec in plan.specs]
    return [record for record in records if record and record.status == "done"]


def bounds(job: Job) -> tuple[list[str], bool]:
    """Rows of the first table, and whether the order is the published one on every data set."""
    sizes = {"datasets": "mnist,fmnist", "set": ["n_latents=200"]}
    measured = {("VAE", record.spec.dataset): record for record in carry_out(job, models="vae", **sizes)}
    sizes["set"] = ["n_latents=200", "vsc.alpha=[0.01,0.2,0.5]"]
    for record in carry_out(job, models="vsc", **sizes):
        measured[f"VSC alpha {record.spec.config['alpha']}", record.spec.dataset] = record
    sizes["set"] = ["n_latents=200", "vsc.alpha=0.01", "vsc.alpha_warmup=0", "vsc.kl_warmup=0"]
    for record in carry_out(job, models="vsc", **sizes):
        measured["VSC alpha 0.01, no warm-up", record.spec.dataset] = record
    rows, ordered = ["| data | model | -ELBO | published | L0 | dead |", "|:--|:--|--:|--:|--:|--:|"], True
    for dataset, published in PUBLISHED_BOUNDS.items():
        order = [measured[name, dataset].metrics["neg_elbo"] for name in published]
        ordered &= order == sorted(order, reverse=True)
        for name in [*published, "VSC alpha 0.01, no warm-up"]:
            metrics = measured[name, dataset].metrics
            cells = [dataset, name, f"{metrics['neg_elbo']:.1f}", str(published.get(name, ""))]
            rows.append("| " + " | ".join([*cells, f"{metrics['l0']:.1f}", f"{metrics['dead_fraction']:.0%}"]) + " |")
    return rows, ordered


def dictionary(job: Job) -> list[str]:
    """Rows of the second table."""
    (record,) = carry_out(job, models="mp", datasets="mnist")
    dataset = load_dataset(DATASET_REGISTRY.find("mnist"), job.data_dir)
    model: Any = load_trained(RunStore(job.results).folder(record.run_id), record.spec, dataset)
    sums: Any = babel(model.atoms())
    ours: dict[str, Any] = {"coherence": coherence(model.atoms())} | {f"mu({r})": value for r, value in sums.items()}
    rows = ["| quantity | measured | released |", "|:--|--:|--:|"]
    rows += [f"| {name} | {ours[name]:.3f} | {value} |" for name, value in PUBLISHED_DICTIONARY.items()]
    rows.append(f"| FVU, test split | {record.metrics['fvu']:.4f} | |")
    return rows


def main() -> int:
    """Run, write, and judge the order."""
    data_dir = Path(os.environ.get("BENCH_DATA_DIR", "data"))
    job = Job(RESULTS, data_dir, "cpu", command=environment.command())
    rows, ordered = bounds(job)
    lines = ["# Beside published values", "", "Made by `make fidelity`.", "", "## Variational sparse coding", ""]
    lines += [BOUNDS_TEXT, *rows, "", "## Matching pursuit", "", DICTIONARY_TEXT, *dictionary(job), ""]
    REPORT.write_text("\n".join(lines), encoding="utf-8")
    print(REPORT.read_text(encoding="utf-8"))
    return 0 if ordered else 1


if __name__ == "__main__":
    sys.exit(main())
