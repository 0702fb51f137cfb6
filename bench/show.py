"""One run as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.spec import Record


def describe(record: Record, folder: Path) -> str:
    """Spec, metrics or error, timings, provenance and files of a run."""
    spec = record.spec
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in record.timings.items())
    head = {
        "run": record.run_id,
        "status": record.status,
        "model": f"{spec.label} ({spec.model_reference})",
        "dataset": f"{spec.dataset} (sha256 {spec.dataset_checksum[:12]})",
        "setting": f"{spec.settings}, {spec.budget} budget, seed {spec.seed}",
        "seconds": seconds + (" (beside other runs)" if record.timings_shared else ""),
        "made": f"{record.provenance.get('start', '?')} on {record.provenance.get('device', '?')}",
        "commit": record.provenance.get("software", {}).get("commit") or "unknown",
        "files": ", ".join(sorted(path.name for path in folder.iterdir() if path.name != "lock")) + f" in {folder}",
    }
    parts = [_pairs(head), "config\n" + _pairs(spec.config, indent="  ")]
    if record.error:
        parts.append(f"error\n{record.error.traceback}")
    if record.metrics:
        parts.append("metrics (test split)\n" + _pairs(record.metrics, indent="  "))
        parts.append("metrics (validation split)\n" + _pairs(record.validation, indent="  "))
    if record.metric_errors:
        parts.append("failed metrics\n" + _pairs(record.metric_errors, indent="  "))
    return "\n\n".join(parts)


def _pairs(values: dict[str, Any], indent: str = "") -> str:
    """Aligned lines of names and values."""
    width = max(map(len, values), default=0)
    shown = {key: f"{value:,.6g}" if isinstance(value, float) else str(value) for key, value in values.items()}
    return "\n".join(f"{indent}{key:<{width}}  {value}" for key, value in shown.items())
