"""Verdicts -> text, markdown, csv and json, from one source of numbers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from bench.spec import Record
from bench.tables import escape_markdown, format_interval, provenance, write_texts
from bench.verdicts import Verdict

READING = (
    "Each claim is a number, one for each seed, that the paper says is above a bound, or (equalities) within a margin "
    "of zero. Observed: its mean over seeds, ± the half-width of the 95% Student-t interval. **Reproduced**: the whole "
    "interval is where the claim says; **contradicted**: the whole interval is where it says it is not; "
    "**inconclusive**: neither, or fewer than 3 seeds; **not run**: runs or metrics are missing. Every row is a test "
    "at 5% of its own: of many, some decide wrongly. A claim in several parts is its smallest part."
)


def write_claims(verdicts: Sequence[Verdict], records: Sequence[Record], folder: Path) -> None:
    """Write claims.md, .csv and .json. BenchError where the folder refuses."""
    rows = [row(verdict) for verdict in verdicts]
    texts = {
        "claims.md": markdown(verdicts, records),
        "claims.csv": pd.DataFrame(rows).drop(columns="effects").to_csv(index=False),
        "claims.json": json.dumps(rows, indent=1, allow_nan=False),
    }
    write_texts(texts, folder)


def row(verdict: Verdict) -> dict[str, Any]:
    """One verdict as plain values."""
    claim, interval = verdict.claim, verdict.interval
    return {
        "id": claim.id,
        "paper": claim.paper,
        "claim": claim.claim,
        "dataset": verdict.dataset,
        "metric": claim.metric,
        "comparison": claim.comparison,
        "condition": claim.condition,
        "expected": claim.expected,
        "observed": interval.mean if interval else None,
        "ci95": interval.half_width if interval else None,
        "seeds": len(verdict.effects),
        "missing": verdict.missing,
        "verdict": verdict.outcome,
        "effects": {str(seed): effect for seed, effect in verdict.effects.items()},
    }


def text(verdicts: Sequence[Verdict]) -> str:
    """The table for the terminal: what was observed and what follows; the files have the rest."""
    rows = [
        [v.claim.id, v.claim.claim, v.dataset, v.claim.condition, observed(v), seeds(v), v.outcome] for v in verdicts
    ]
    header = ["id", "claim", "dataset", "claimed", "observed", "seeds", "verdict"]
    return f"{tabulate(rows, header, 'simple', disable_numparse=True)}\n\n{counts(verdicts)}"


def markdown(verdicts: Sequence[Verdict], records: Sequence[Record]) -> str:
    """The whole table, how to read it, and where the numbers come from."""
    header = ["id", "paper", "claim", "dataset", "metric", "comparison", "expected", "claimed", "observed", "seeds"]
    rows = [
        [
            *(v.claim.id, v.claim.paper, v.claim.claim, v.dataset, v.claim.metric, v.claim.comparison),
            *(v.claim.expected, v.claim.condition, observed(v), seeds(v)),
            f"**{v.outcome}**" if v.outcome in ("reproduced", "contradicted") else v.outcome,
        ]
        for v in verdicts
    ]
    cells = [[escape_markdown(cell) if i < len(header) else cell for i, cell in enumerate(row)] for row in rows]
    table = tabulate(cells, [*header, "verdict"], "pipe", disable_numparse=True)
    parts = ["# What the papers claim, and what holds here", READING, counts(verdicts), table]
    return "\n\n".join([*parts, "## Provenance", provenance(records)]) + "\n"


def counts(verdicts: Sequence[Verdict]) -> str:
    """'20 reproduced, 3 contradicted, ... of 44 verdicts.'"""
    found: Counter[str] = Counter(verdict.outcome for verdict in verdicts)
    order = ("reproduced", "contradicted", "inconclusive", "not run")
    return f"{', '.join(f'{found[outcome]} {outcome}' for outcome in order)} of {len(verdicts)} verdicts."


def observed(verdict: Verdict) -> str:
    """The mean with its interval, or n/a."""
    return format_interval(verdict.interval) if verdict.interval else "n/a"


def seeds(verdict: Verdict) -> str:
    """'6', or '4 of 6' where some are missing."""
    n = len(verdict.effects)
    return f"{n} of {n + verdict.missing}" if verdict.missing else str(n)
