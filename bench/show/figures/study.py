"""The figures of a run, and those that compare runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from bench.errors import BenchError
from bench.execute import views
from bench.execute.traversing import traversals
from bench.execute.views import View, view_of
from bench.plugins.loading import all_metrics, load_dataset, load_source, load_trained
from bench.plugins.registry import Plugin
from bench.show.figures import curves, heatmaps, images, scatter
from bench.show.figures.curves import Curve
from bench.show.figures.mapping import atom_map, code_map
from bench.store.runs import RunStore
from bench.store.spec import Record
from metrics.robustness import FACTORS
from metrics.roles import roles

AGAINST_L0 = ("fvu", "probe_accuracy", "class_purity")
"""Metrics whose front against L0 is drawn."""

MAX_CURVES = 8
ROLE_NAMES = ("global", "shared", "exclusive")


def draw(record: Record, store: RunStore, data_dir: Path) -> dict[str, Figure]:
    """All figures of one run that apply to its model and data, by name.

    BenchError where the run is not done, its weights are missing, or its data have changed.
    """
    spec = record.spec
    if record.status != "done":
        raise BenchError(f"{record.run_id} has status '{record.status}'; figures are drawn of runs that are done.")
    plugin = Plugin(spec.dataset, spec.dataset_reference, True)
    if load_source(plugin).checksum(data_dir) != spec.dataset_checksum:
        raise BenchError(f"The data '{spec.dataset}' are not those of {record.run_id}; name theirs with --data-dir.")
    dataset = load_dataset(plugin, data_dir)
    view = view_of(load_trained(store, spec, dataset), dataset, dataset.test.head(spec.max_eval))
    found = _of_the_view(view) | _of_the_record(record) | _of_the_files(record.run_id, store, view)
    return {name: figure for name, figure in found.items() if figure is not None}


def _of_the_view(view: View) -> dict[str, Figure | None]:
    """What is drawn of the model's own outputs."""
    shape = view.dataset.image_shape
    x, x_hat, names = views.reconstructed(view)
    figures: dict[str, Figure | None] = {"reconstructions": images.reconstructions(x, x_hat, shape, names)}
    if "atoms" in view.given:
        figures["atoms"] = images.atoms(views.numbers(view.given["atoms"]), views.use(view), shape)
    means = views.gamma_means(view)
    if means is not None:
        figures["gamma"] = heatmaps.gamma_by_class(means, roles(views.rates(view)), view.names)
        figures["density"] = curves.density(views.use(view))
    varied = traversals(view)
    if varied:
        figures["traversals"] = images.traversals(varied.x, varied.decoded, shape, varied.labels, varied.steps)
    built = views.built_up(view)
    if built:
        figures["progressive"] = images.progressive(*built[:3], shape, built[3])
    codes = code_map(view)
    if codes:
        figures["t-sne"] = scatter.maps(view.names, *codes, *(atom_map(view) or ()))
    return figures


def _of_the_record(record: Record) -> dict[str, Figure | None]:
    """What is drawn of scalars."""
    curve = budget_curve(record)
    pattern = re.compile(rf"roles\.({'|'.join(ROLE_NAMES)})@(.+)")
    counts: dict[str, dict[float, float]] = {role: {} for role in ROLE_NAMES}
    for name, value in record.metrics.items():
        if matched := pattern.fullmatch(name):
            counts[matched[1]][float(matched[2])] = value
    taus = sorted(counts["global"])
    by_role = {role: [values[tau] for tau in taus] for role, values in counts.items()}
    dead = record.metrics.get("roles.dead", 0.0)
    return {
        "inference-k": curves.inference_budget([curve]) if curve else None,
        "roles": curves.roles_over_tau(taus, by_role, dead) if taus else None,
    }


def _of_the_files(run_id: str, store: RunStore, view: View) -> dict[str, Figure | None]:
    """What is drawn of the arrays and the history that a run leaves beside its record."""
    figures: dict[str, Figure | None] = {}
    correlation = store.read_arrays(run_id).get("class_correlation")
    if correlation is not None and 1 < len(view.classes) == len(correlation) and np.isfinite(correlation).any():
        known = view.dataset.categories
        categories = [known[label] for label in view.classes] if known else None
        figures["class-correlation"] = heatmaps.class_correlation(correlation, view.names, categories)
    losses = {name: np.array(values) for name, values in store.read_history(run_id).items()}
    terms = {name: values for name, values in losses.items() if name not in ("step", "epoch")}
    if len(terms) == 2 and len({values.tobytes() for values in terms.values()}) == 1:
        terms.pop("total", None)  # of a loss with one term
    if terms:
        figures["training"] = curves.training(losses["step"], terms)
    return figures


def budget_curve(record: Record) -> Curve | None:
    """FVU over the budget at inference, as multiples of the trained k; None for a model without budgets."""
    k = record.spec.config.get("k")
    if not k:
        return None
    budgets = {"k'=1": 1} | {f"{name}k": max(1, round(factor * k)) for name, factor in FACTORS.items()}
    scores = {budget: record.metrics.get(f"inference_fvu.{name}") for name, budget in budgets.items()}
    points = [(budget / k, value) for budget, value in sorted(scores.items()) if value is not None]
    if not points:
        return None
    return Curve(record.spec.model, record.spec.model, *zip(*points, strict=True))


def short_labels(records: Sequence[Record]) -> list[str]:
    """The model of each run, and the part of its variant that another run of the model does not share."""
    variants = [record.spec.variant for record in records]
    models = [record.spec.model for record in records]
    labels = []
    for model, variant in zip(models, variants, strict=True):
        rivals = [other for name, other in zip(models, variants, strict=True) if name == model]
        told = [key for key, value in variant.items() if any(other.get(key) != value for other in rivals)]
        labels.append(" ".join([model, *(f"{key}={variant[key]}" for key in told)]))
    return labels


def compare(records: Sequence[Record]) -> dict[str, Figure]:
    """Figures that compare the runs of one board: quality against L0, and robustness to the budget at inference."""
    figures: dict[str, Figure] = {}
    done = [record for record in records if record.status == "done"]
    metrics = all_metrics()
    for name in AGAINST_L0:
        shown = [record for record in done if name in record.metrics and record.metrics.get("l0", 0.0) > 0]
        if name in metrics and len(shown) > 1:
            info = metrics[name].info  # type: ignore[attr-defined]
            l0, values = (np.array([record.metrics[key] for record in shown]) for key in ("l0", name))
            models = [record.spec.model for record in shown]
            figures[f"pareto-{name.replace('_', '-')}"] = scatter.pareto(
                models, l0, values, info.label, maximise=info.direction == "max"
            )
    budgeted = _few_enough([record for record in done if budget_curve(record)])
    if len(budgeted) > 1:
        found = [curve for record in budgeted if (curve := budget_curve(record))]
        labels = short_labels(budgeted)
        figures["inference-k"] = curves.inference_budget(
            [replace(curve, label=label) for curve, label in zip(found, labels, strict=True)]
        )
    return figures


def _few_enough(records: Sequence[Record]) -> list[Record]:
    """The runs whose curves can be told apart: of more than 8 the first of each model, at the most frequent k."""
    if len(records) <= MAX_CURVES:
        return list(records)
    ks = [record.spec.config["k"] for record in records]
    first: dict[str, Record] = {}
    for record in sorted(records, key=lambda record: len(record.spec.variant)):
        if record.spec.config["k"] == max(ks, key=ks.count):
            first.setdefault(record.spec.model, record)
    return [record for record in records if record in first.values()]
