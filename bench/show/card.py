"""The model card of an exported model: what it is, how it is opened, what was measured, how it was made."""

from __future__ import annotations

import math
from pathlib import Path

from bench.show.report.provenance import command
from bench.store.legend import Legend
from bench.store.record import Record, metric_of
from models.exchange.checkpoint import ImportedConfig
from models.exchange.format import Format

CARD = """---
license: unknown
library_name: {library}
tags:
- sparse-autoencoder
- {selection}
---

# {label} on {dataset}

{origin} M = {n_latents:,} latents of inputs of length D = {n_features:,}; units are selected by {selection}{k}.
{inputs}

## Open it

```python
{opening}
```

## Metrics

On the test split of {dataset}:

| metric | value | better |
|:--|--:|:--|
{metrics}

## How it was made

    {command}

| | |
|:--|:--|
| data | {dataset}, sha256 `{checksum}` |
| run | `{run_id}` |
| software | {software} |
| made | {made} |

## Licence

The run states none for these weights: say yours here, and in the first lines, before you publish them. The data have a
licence of their own. The software that {did} them, sparse-latent-bench, is under the MIT licence.
"""
BETTER = {"min": "lower", "max": "higher"}


def card(record: Record, legend: Legend, config: ImportedConfig, written: Format, name: str, scaled: bool) -> str:
    """The card as Markdown. `name` is the model's own folder below the card's; "" where it lies beside it."""
    spec, made = record.spec, record.provenance
    software = made.software
    normalised = "The run normalised its inputs; that is folded into the weights: give it the data as they are."
    if scaled and config.selection == "pursuit":
        normalised += " Codes are those of the run divided by its scale, since atoms of a pursuit keep their norm."
    words = {
        "library": written.name,
        "label": _plain(spec.label),
        "dataset": _plain(spec.dataset),
        "origin": "A sparse autoencoder that another library trained." if spec.imported else "A sparse autoencoder.",
        "did": "measured" if spec.imported else "trained",
        "n_latents": config.n_latents,
        "n_features": config.n_features,
        "selection": config.selection,
        "k": f", k = {config.k}" if config.k is not None else "",
        "inputs": normalised if scaled else "It takes the data as the run did.",
        "opening": written.opening(config).replace("DIR", name or "."),
        "metrics": "\n".join(_metrics(record, legend)),
        "command": command(spec).replace(f"{Path.cwd()}/", ""),
        "checksum": spec.dataset_checksum,
        "run_id": record.run_id,
        "software": ", ".join(f"{key} {value}" for key, value in software.versions.items()) if software else "unknown",
        "made": f"{made.start or 'unknown'} on {made.device or 'unknown'}",
    }
    return CARD.format(**words)


def _metrics(record: Record, legend: Legend) -> list[str]:
    """A row for each number that a board prints; all where the run left no legend."""
    rows = []
    for name, value in record.metrics.items():
        entry = legend.metrics.get(metric_of(name))
        if entry and not entry.info.headline:
            continue
        label = _plain(entry.info.label if entry else name) + (f" {name.partition('.')[2]}" if "." in name else "")
        better = BETTER.get(entry.info.direction, "") if entry else ""
        rows.append(f"| {label} | {value:.4g} | {better} |" if math.isfinite(value) else f"| {label} | infinite | |")
    return rows


def _plain(text: str) -> str:
    """Text of a record without what Markdown or YAML would obey."""
    return "".join(letter if letter.isprintable() and letter not in "|`<>[]" else "_" for letter in text)
