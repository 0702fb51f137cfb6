"""Verdicts -> text, markdown, csv and json, from one source of numbers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from tabulate import tabulate

from bench.claims.verdict import Outcome, Verdict
from bench.compare.stats import Interval
from bench.errors import BenchError, first_line
from bench.show.fitting import table
from bench.show.tables import csv_text, escape_markdown, format_interval, provenance, write_texts
from bench.store.files import read_regular
from bench.store.record import Record

NAME = "claims.json"
MOST_BYTES = 16 * 2**20

READING = (
    "Each claim is a number, one for each seed, that the paper says is above a bound, or (equalities) within a margin "
    "of zero. Observed: its mean over seeds, ± the half-width of the 95% Student-t interval. **Reproduced**: the whole "
    "interval is where the claim says; **contradicted**: the whole interval is where it says it is not; "
    "**inconclusive**: neither, or fewer than 3 seeds; **not run**: runs or metrics are missing. 'In most seeds': a "
    "count, which cannot lie below zero, by a sign test over the seeds. Alone: each row is a test at 5% of its own: of "
    "many, some decide wrongly. All together: what stands if the chance of any wrong decision in the whole table is 5% "
    "(Holm). A claim in several parts is its smallest part; as noise alone makes that small, it is contradicted "
    "where a part by itself is, adjusted for their number."
)


class ClaimRow(BaseModel):
    """One verdict as plain values: a row of the tables."""

    id: str
    """Name of the claim."""
    paper: str
    """arXiv number or venue."""
    claim: str
    """The claim in one line."""
    dataset: str
    """Where it was checked."""
    metric: str
    """What was measured."""
    comparison: str
    """Between what."""
    condition: str
    """Where the claim says that the number is."""
    expected: str
    """What the paper reports."""
    observed: float | None = Field(allow_inf_nan=False)
    """Mean over seeds; None without a seed."""
    ci95: float | None = Field(ge=0, allow_inf_nan=False)
    """Half-width of its 95% interval; None below three seeds."""
    seeds: int
    """Seeds with a number."""
    missing: int
    """Seeds without one."""
    verdict: Outcome
    """What follows from this claim alone, at 5%."""
    adjusted: Outcome
    """What follows if all verdicts of the table together are at 5%."""
    p_value: float | None = Field(ge=0, le=1)
    """Level at which the verdict is just decided; None below three seeds."""
    effects: dict[str, float]
    """Seed -> number."""
    cells: dict[str, int] = {}
    """For a claim over a grid of settings: setting -> number of seeds in which it holds there."""

    @property
    def interval(self) -> str:
        """The mean with its interval, or n/a."""
        return "n/a" if self.observed is None else format_interval(Interval(self.observed, self.ci95))

    @property
    def seed_count(self) -> str:
        """'6', or '4 of 6' where some are missing."""
        return f"{self.seeds} of {self.seeds + self.missing}" if self.missing else str(self.seeds)


ROWS = TypeAdapter(list[ClaimRow])


def write_claims(rows: Sequence[ClaimRow], records: Sequence[Record], folder: Path) -> None:
    """Write claims.md, .csv and .json. BenchError where the folder refuses."""
    values = ROWS.dump_python(list(rows))
    names = [name for name in ClaimRow.model_fields if name not in ("effects", "cells")]
    texts = {
        "claims.md": markdown(rows, records),
        "claims.csv": csv_text(values, names),
        NAME: json.dumps(values, indent=1, allow_nan=False),
    }
    write_texts(texts, folder)


def read_claims(folder: Path) -> list[ClaimRow]:
    """The rows that `write_claims` left; none where there is no such file. BenchError where it cannot be read."""
    path = folder / NAME
    try:
        return ROWS.validate_json(read_regular(path, MOST_BYTES))
    except FileNotFoundError:
        return []
    except (OSError, ValidationError) as error:
        raise BenchError(
            f"'{path}' cannot be read ({first_line(str(error))}). `bench claims` writes it again."
        ) from error


def row(verdict: Verdict) -> ClaimRow:
    """One verdict as a row."""
    claim, interval = verdict.claim, verdict.interval
    return ClaimRow(
        id=claim.id,
        paper=claim.paper,
        claim=claim.claim,
        dataset=verdict.dataset,
        metric=claim.metric,
        comparison=claim.comparison,
        condition=claim.condition,
        expected=claim.expected,
        observed=interval.mean if interval else None,
        ci95=interval.half_width if interval else None,
        seeds=len(verdict.effects),
        missing=verdict.missing,
        verdict=verdict.outcome,
        adjusted=verdict.adjusted,
        p_value=verdict.p_value,
        cells=verdict.cells,
        effects={str(seed): effect for seed, effect in verdict.effects.items()},
    )


def claims_text(rows: Sequence[ClaimRow], width: int | None = None) -> str:
    """The table for the terminal: what was observed and what follows; the files have the rest."""
    cells = [[r.id, r.claim, r.dataset, r.condition, r.interval, r.seed_count, r.verdict, r.adjusted] for r in rows]
    header = ["id", "claim", "dataset", "claimed", "observed", "seeds", "alone", "all together"]
    rest = "also: {}; all in claims.md"
    return f"{table(header, cells, width, words={1: 24, 2: 10, 3: 10}, spare=(5, 3), rest=rest)}\n\n{counts(rows)}"


def markdown(rows: Sequence[ClaimRow], records: Sequence[Record]) -> str:
    """The whole table, how to read it, and where the numbers come from."""
    header = ["id", "paper", "claim", "dataset", "metric", "comparison", "expected", "claimed", "observed", "seeds"]
    cells = [
        [
            *(r.id, r.paper, r.claim, r.dataset, r.metric, r.comparison),
            *(r.expected, r.condition, r.interval, r.seed_count),
            *(f"**{word}**" if word in ("reproduced", "contradicted") else word for word in (r.verdict, r.adjusted)),
        ]
        for r in rows
    ]
    cells = [[escape_markdown(cell) if i < len(header) else cell for i, cell in enumerate(line)] for line in cells]
    body = tabulate(cells, [*header, "alone", "all together"], "pipe", disable_numparse=True)
    parts = ["# What the papers claim, and what holds here", READING, counts(rows), body, *_grids(rows)]
    return "\n\n".join([*parts, "## Provenance", provenance(records)]) + "\n"


def _grids(rows: Sequence[ClaimRow]) -> list[str]:
    """For each claim over a grid, in which settings it holds, and in how many seeds."""
    lists = []
    for r in rows:
        found = [f"{setting}: {n} of {r.seeds} seeds" for setting, n in r.cells.items() if n]
        if r.cells:
            where = "; ".join(found) or "in none"
            lists.append(f"- {r.id} on {r.dataset}, over {len(r.cells)} settings: {where}")
    return ["## Where claims over a grid hold", escape_markdown("\n".join(lists))] if lists else []


def counts(rows: Sequence[ClaimRow]) -> str:
    """'20 reproduced, 3 contradicted, ... of 44 verdicts alone; all together 15 reproduced, ...'"""
    order = ("reproduced", "contradicted", "inconclusive", "not run")

    def of(words: Sequence[Outcome]) -> str:
        found: Counter[str] = Counter(words)
        return ", ".join(f"{found[outcome]} {outcome}" for outcome in order)

    alone, together = of([row.verdict for row in rows]), of([row.adjusted for row in rows])
    return f"{len(rows)} verdicts. Alone: {alone}. All together: {together}."
