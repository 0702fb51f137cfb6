"""One run as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean
from typing import Any

from bench.store.record import Record
from bench.store.runs import RunStore

BARS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 60
LARGEST = 1e300
"""Beyond it, differences of losses are no numbers."""


def describe(record: Record, store: RunStore) -> str:
    """Spec, metrics or error, timings, provenance and files of a run."""
    spec, folder = record.spec, store.folder(record.run_id)
    made = record.provenance
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in record.timings.items())
    head = {
        "run": record.run_id,
        "status": record.status,
        "model": f"{spec.label} ({spec.model_reference})",
        "dataset": f"{spec.dataset} (sha256 {spec.dataset_checksum[:12]})",
        "setting": f"{spec.settings}, {spec.budget} budget, seed {spec.seed}",
        "seconds": seconds + (" (beside other runs)" if record.timings_shared else ""),
        "made": f"{made.start or '?'} on {made.device or '?'}",
        "commit": (made.software and made.software.commit) or "unknown",
        "files": ", ".join(sorted(f.name for f in folder.path.iterdir() if f.name != "lock")) + f" in {folder.path}",
    }
    parts = [_pairs(head), "config\n" + _pairs(spec.config, indent="  ")]
    if curve := _curve(folder.history()):
        parts.append(curve)
    if record.error:
        parts.append(f"error\n{record.error.traceback}")
    if record.metrics:
        parts.append("metrics (test split)\n" + _pairs(record.metrics, indent="  "))
        parts.append("metrics (validation split)\n" + _pairs(record.validation, indent="  "))
    if reasons := {name: e.not_applicable for name, e in folder.legend().metrics.items() if e.not_applicable}:
        parts.append("metrics that do not apply\n" + _pairs(reasons, indent="  "))
    if record.metric_errors:
        parts.append("failed metrics\n" + _pairs(record.metric_errors, indent="  "))
    return "\n\n".join(parts)


def _curve(history: dict[str, list[float]]) -> str:
    """The training loss as a line of characters, on a logarithmic scale where it is positive; empty without one."""
    losses = history.get("total", [])
    if len(losses) < 2 or "step" not in history or not all(abs(loss) <= LARGEST for loss in losses):
        return ""
    line = sparkline([math.log(loss) for loss in losses] if min(losses) > 0 else losses)
    return f"loss  {line}  {losses[0]:,.4g} -> {losses[-1]:,.4g} in {history['step'][-1]:.0f} steps"


def sparkline(values: Sequence[float]) -> str:
    """Finite values as characters of eight heights, the lowest to the highest; means where there are more than 60."""
    n = min(len(values), CURVE_WIDTH)
    means = [mean(values[i * len(values) // n : (i + 1) * len(values) // n]) for i in range(n)]
    low, span = min(means), (max(means) - min(means)) or 1.0
    return "".join(BARS[min(len(BARS) - 1, int((value - low) / span * len(BARS)))] for value in means)


def _pairs(values: dict[str, Any], indent: str = "") -> str:
    """Aligned lines of names and values."""
    width = max(map(len, values), default=0)
    shown = {key: f"{value:,.6g}" if isinstance(value, float) else str(value) for key, value in values.items()}
    return "\n".join(f"{indent}{key:<{width}}  {value}" for key, value in shown.items())
