"""Trained models beside published ones, on real data: `make fidelity`, or `python -m tests.fidelity` (about an hour).

Runs what is missing, like `bench run`, then writes results/fidelity.md. `--only vsc` makes that section
alone, and keeps the other as it stands. Exit status 1 if -ELBO does not fall in the published order: VSC at
alpha 0.01, 0.2, 0.5, VAE.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

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


class Bound(NamedTuple):
    """-ELBO of a published model in nats per test image: one seed, M 200."""

    logged: float
    """In the logs that its authors left, with relaxed spikes."""
    relaxed: float | None = None
    """Of the published code, run here, as it evaluates itself: with relaxed spikes; None: not run."""
    exact: float | None = None
    """The same weights with exact Bernoulli spikes, as ours are evaluated."""


PUBLISHED_BOUNDS = {
    "mnist": {
        "VSC alpha 0.01": Bound(133.9, 135.3, 156.7),
        "VSC alpha 0.2": Bound(120.2, 121.7, 122.9),
        "VSC alpha 0.5": Bound(115.0, 115.7, 115.7),
        "VAE": Bound(106.3),
    },
    "fmnist": {
        "VSC alpha 0.01": Bound(256.6, 260.8, 270.2),
        "VSC alpha 0.2": Bound(254.2, 254.4, 254.2),
        "VSC alpha 0.5": Bound(250.3, 250.5, 250.2),
        "VAE": Bound(244.9),
    },
}
"""Of a re-implementation of VSC's ICLR version: github.com/Alfo5123/Variational-Sparse-Coding at 6fcd512."""

PUBLISHED_DICTIONARY = {"coherence": 0.944, "mu(2)": 1.884, "mu(5)": 4.653, "mu(10)": 8.842, "mu(50)": 38.30}
"""Of the dictionary that arXiv 2506.05239's authors released: M 1000, k 10, 50 epochs of MNIST."""

BOUNDS_TEXT = """\
-ELBO in nats per test image at M 200, 11 epochs of batches of 32, seed 0; lower is better. Ours, and the column
*exact*, have exact Bernoulli spikes. *Their logs* are what a re-implementation of VSC's ICLR version left, and have
relaxed spikes. *Their code* was run here: on all 60,000 training images, where ours has 55,000, and evaluated both
ways, from the same weights. One seed each; another run of theirs at alpha 0.5 on MNIST had 114.5.

* Evaluated alike, ours is within 1 nat of theirs or better in every row but one, alpha 0.2 on MNIST.
* At alpha 0.01 the logged values are no bounds on the likelihood. In training and in the logs a spike is
  sigmoid(50 (u - 1 + gamma)), which is above 0.1 in 4% of the draws when gamma is 0. A unit that is off tells the
  decoder something, while the slab's KL, weighted by gamma, charges it nothing. Their code on MNIST, another seed,
  after 4 epochs: 140.7 nats as it evaluates itself; 152.1, 158.3 and 159.9 if the spikes of the same weights are
  sharper (c = 200, 1,000, 5,000 for 50); 160.3 with exact spikes; 161.4 with c = 50 if units below gamma 1/2 give 0.
* Two things leave few units at alpha 0.01. One is a prior without warm-up: 158.2 on MNIST with our head. The other is
  the head log gamma = -ReLU(-v), which has no gradient at gamma = 1: with our warm-ups it has 153.8 after 4 epochs, on
  the validation split, where the logit head has about 140. Our model at their settings (`spike_head=log_relu
  alpha_warmup=0 kl_warmup=0 sharpness_end=50`) has 154.2 on the test split, near their 156.7.
* At alpha 0.2 on MNIST, ours is 1.6 nats behind theirs. The schedule explains it: the KL terms raised over a fifth of
  training, and no warm-up of the prior, give 121.6 (last row), with more units dead. At alpha 0.01 that schedule
  costs 6 nats (140.8). No schedule that was tried is best at all three, so the default stays.
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
    """The section of VSC, and whether the order is the published one on every data set."""
    sizes = {"datasets": "mnist,fmnist", "set": ["n_latents=200"]}
    measured = {(record.spec.dataset, "VAE"): record for record in carry_out(job, models="vae", **sizes)}
    sizes["set"] = ["n_latents=200", "vsc.alpha=[0.01,0.2,0.5]"]
    for record in carry_out(job, models="vsc", **sizes):
        measured[record.spec.dataset, f"VSC alpha {record.spec.config['alpha']}"] = record
    rows = ["| data | model | ours | their code, exact | relaxed | their logs | L0 | dead |", "|:--|:--|" + "--:|" * 6]
    ordered = True
    for dataset, published in PUBLISHED_BOUNDS.items():
        order = [measured[dataset, name].metrics["neg_elbo"] for name in published]
        ordered &= order == sorted(order, reverse=True)
        rows += [bound_row(dataset, name, measured[dataset, name], bound) for name, bound in published.items()]
    sizes = {"datasets": "mnist", "set": ["n_latents=200", "vsc.alpha_warmup=0", "vsc.kl_warmup=0.2"]}
    for record in carry_out(job, models="vsc", **sizes):
        rows.append(bound_row("mnist", "VSC alpha 0.2, KL warm-up alone", record, None))
    return [BOUNDS_TEXT, *rows], ordered


def bound_row(dataset: str, name: str, record: Record, published: Bound | None) -> str:
    """A row of the first table: our run beside what is published of the same model, if anything is."""
    metrics = record.metrics
    beside = (published.exact, published.relaxed, published.logged) if published else (None, None, None)
    nats = ["" if value is None else f"{value:.1f}" for value in (metrics["neg_elbo"], *beside)]
    return "| " + " | ".join([dataset, name, *nats, f"{metrics['l0']:.1f}", f"{metrics['dead_fraction']:.0%}"]) + " |"


def dictionary(job: Job) -> tuple[list[str], bool]:
    """The section of matching pursuit; nothing in it is judged."""
    (record,) = carry_out(job, models="mp", datasets="mnist")
    dataset = load_dataset(DATASET_REGISTRY.find("mnist"), job.data_dir)
    model: Any = load_trained(RunStore(job.results).folder(record.run_id), record.spec, dataset)
    sums: Any = babel(model.atoms())
    ours: dict[str, Any] = {"coherence": coherence(model.atoms())} | {f"mu({r})": value for r, value in sums.items()}
    rows = ["| quantity | measured | released |", "|:--|--:|--:|"]
    rows += [f"| {name} | {ours[name]:.3f} | {value} |" for name, value in PUBLISHED_DICTIONARY.items()]
    rows.append(f"| FVU, test split | {record.metrics['fvu']:.4f} | |")
    return [DICTIONARY_TEXT, *rows], True


SECTIONS = {"vsc": ("Variational sparse coding", bounds), "mp": ("Matching pursuit", dictionary)}
"""Titles of the report's sections, and what makes them."""


def written() -> dict[str, str]:
    """The sections of the report as it stands, by title."""
    text = REPORT.read_text(encoding="utf-8") if REPORT.exists() else ""
    return {title: body.strip() for title, _, body in (part.partition("\n") for part in text.split("\n## ")[1:])}


def main() -> int:
    """Run, write, and judge the order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=SECTIONS, help="the section to make; the other stays as it stands")
    only = parser.parse_args().only
    job = Job(RESULTS, Path(os.environ.get("BENCH_DATA_DIR", "data")), "cpu", command=environment.command())
    sections, ordered = written(), True
    for title, make in [SECTIONS[only]] if only else SECTIONS.values():
        lines, as_published = make(job)
        sections[title] = "\n".join(lines)
        ordered &= as_published
    parts = [f"## {title}\n\n{sections[title]}\n" for title, _ in SECTIONS.values() if title in sections]
    REPORT.write_text("\n".join(["# Beside published values\n\nMade by `make fidelity`.\n", *parts]), encoding="utf-8")
    print(REPORT.read_text(encoding="utf-8"))
    return 0 if ordered else 1


if __name__ == "__main__":
    sys.exit(main())
