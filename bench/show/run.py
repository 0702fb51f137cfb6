"""One run as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

from bench.compare.boards import Column
from bench.show.fitting import paragraph, table
from bench.store.legend import MetricEntry
from bench.store.record import Record, metric_of
from bench.store.runs import RunStore

BARS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 36
"""Characters of a curve: with its numbers it fits a terminal of 80."""
LARGEST = 1e300
"""Beyond it, differences of losses are no numbers."""


def describe(record: Record, store: RunStore, width: int | None = None) -> str:
    """Spec, metrics or error, timings, provenance and files of a run."""
    spec, folder = record.spec, store.folder(record.run_id)
    made, metrics = record.provenance, folder.legend().metrics
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in record.timings.items())
    head = {
        "run": record.run_id,
        "status": record.status,
        "model": f"{spec.label} ({spec.model_reference})",
        "dataset": f"{spec.dataset} (sha256 {spec.dataset_checksum[:12]})",
        "setting": f"{spec.settings}, {spec.budget} budget, seed {spec.seed}",
        "seconds": seconds + (" (beside other runs)" if record.timings_shared else ""),
        "made": f"{made.start or '?'} on {made.device or '?'}",
        "commit": (made.software and made.software.checkout) or "unknown",
        "files": ", ".join(sorted(f.name for f in folder.path.iterdir() if f.name != "lock")) + f" in {folder.path}",
    }

    def listed(title: str, values: Mapping[str, Any]) -> str:
        return f"{title}\n{_pairs({f'  {name}': value for name, value in values.items()}, width)}"

    parts = [_pairs(head, width), listed("config", spec.config)]
    if curve := _curve(folder.history()):
        parts.append(curve)
    if notes := [words for words in (*record.notes, record.not_applicable) if words]:
        parts.append("notes\n" + "\n".join(paragraph(f"  {note}", width) for note in notes))
    if record.error:
        parts.append(f"error\n{record.error.traceback}")
    if record.metrics:
        parts.append(listed("metrics (test split)", _headed(record.metrics, metrics)))
        parts.append(listed("metrics (validation split)", _headed(record.validation, metrics)))
    reasons: dict[str, list[str]] = {}
    for name, entry in metrics.items():
        if entry.not_applicable:
            reasons.setdefault(entry.not_applicable, []).append(name)
    if reasons:
        lines = [paragraph(f"  {', '.join(names)}: {reason}", width) for reason, names in reasons.items()]
        parts.append("\n".join(["metrics that do not apply", *lines]))
    if record.metric_errors:
        parts.append(listed("failed metrics", record.metric_errors))
    return "\n\n".join(parts)


def _headed(values: Mapping[str, float], metrics: Mapping[str, MetricEntry]) -> dict[str, float]:
    """Numbers by their names, with unit and direction as on a board: 'psnr [dB] ↑'."""
    infos = {name: metrics[metric_of(name)].info for name in values if metric_of(name) in metrics}
    headers = {name: Column(name, replace(info, label=name)).header for name, info in infos.items()}
    return {headers.get(name, name): value for name, value in values.items()}


def _curve(history: dict[str, list[float]]) -> str:
    """The training loss as a line of characters, on a logarithmic scale where it is positive; empty without one."""
    losses = history.get("total", [])
    if len(losses) < 2 or "step" not in history or not all(abs(loss) <= LARGEST for loss in losses):
        return ""
    line = sparkline([math.log(loss) for loss in losses] if min(losses) > 0 else losses)
    return f"loss  {line}  {losses[0]:,.4g} -> {losses[-1]:,.4g} in {history['step'][-1]:.0f} steps"


def sparkline(values: Sequence[float]) -> str:
    """Finite values as characters of eight heights, the lowest to the highest; means where there are more than fit."""
    n = min(len(values), CURVE_WIDTH)
    means = [mean(values[i * len(values) // n : (i + 1) * len(values) // n]) for i in range(n)]
    low, span = min(means), (max(means) - min(means)) or 1.0
    return "".join(BARS[min(len(BARS) - 1, int((value - low) / span * len(BARS)))] for value in means)


def _pairs(values: Mapping[str, Any], width: int | None) -> str:
    """Aligned lines of names and values."""
    shown = {name: f"{value:,.6g}" if isinstance(value, float) else value for name, value in values.items()}
    return table((), list(shown.items()), width, words={1: 24}) if shown else ""
