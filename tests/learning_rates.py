"""The learning rate of each model, from the runs of results/studies/learning_rates.yaml: lines of a study's `set`.

    python -m bench run --study results/studies/learning_rates.yaml
    python -m tests.learning_rates results/runs

Of the rates of a model it takes the one of the smallest FVU on the validation split: the geometric mean over the data
sets and seeds that all of its rates have, so that no data set counts more than another. A rate at which a run failed is
not chosen, and the line says so. The test split has no say.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.plan.request import read_study
from bench.store.record import Record
from bench.store.runs import RunStore

STUDY = Path("results/studies/learning_rates.yaml")
FIELD, QUALITY = "learning_rate", "fvu"

Scores = dict[float, dict[tuple[str, int], float]]
"""Learning rate -> (data set, seed) -> validation FVU."""


def lines(records: Sequence[Record], rates: Sequence[float]) -> Iterator[str]:
    """A line of YAML for each model that has runs at these rates, with what it was chosen by."""
    models: dict[str, Scores] = defaultdict(dict)
    failed = {(r.spec.model, r.spec.config.get(FIELD)) for r in records if r.status != "done"}
    for record in records:
        rate, spec = record.spec.config.get(FIELD), record.spec
        usable = rate in rates and (spec.model, rate) not in failed and QUALITY in record.validation
        if usable and spec.settings == "matched":
            models[spec.model].setdefault(rate, {})[spec.dataset, spec.seed] = record.validation[QUALITY]
    for model, scores in models.items():
        shared = set.intersection(*(set(by_run) for by_run in scores.values()))
        if not shared:
            yield f"  # {model}: no data set and seed has all of its rates"
            continue
        means = {rate: _geometric_mean([scores[rate][run] for run in shared]) for rate in sorted(scores)}
        told = ", ".join(f"{mean:.4g} at {rate:g}" for rate, mean in means.items())
        lacking = "".join(f"; none, or a failed one, at {rate:g}" for rate in rates if rate not in scores)
        best = min(means, key=means.__getitem__)
        yield f"  {model}.{FIELD}: {best:g}  # FVU {told}; {len(shared)} runs each{lacking}"


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values)) if min(values) > 0 else 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of the runs")
    found = list(lines(RunStore(parser.parse_args().results).scan().records, read_study(STUDY)["set"][FIELD]))
    print("\n".join(found) if found else f"No runs of {STUDY} there; make them with bench run --study {STUDY}.")
    sys.exit(0 if found else 1)
