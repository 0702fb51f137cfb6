"""The page: a template filled with server-made sections, and the numbers as JSON for the scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from bench.errors import counted, printable
from bench.leaderboard import Board
from bench.report.artefacts import Artefacts
from bench.report.coverage import coverage
from bench.report.payload import payload
from bench.report.provenance import provenance
from bench.spec import Record
from bench.stats import LEVEL
from bench.tables import write_texts
from bench.verdicts import Verdict

NAME = "report.html"
SCRIPTS = ("core.js", "plots.js", "board.js", "pareto.js", "pairs.js", "structure.js", "start.js")


def write(
    records: Sequence[Record],
    boards: Sequence[Board],
    folder: Path,
    artefacts: Artefacts | None = None,
    verdicts: Sequence[Verdict] = (),
) -> Path:
    """Write report.html into a folder. BenchError where the folder refuses.

    Parameters
    ----------
    records : sequence of Record
        All runs, those included that a newer one supersedes.
    boards : sequence of Board
        What `leaderboard.build` makes of them: the page has its numbers from here, as leaderboard.csv does.
    artefacts : Artefacts, optional
        Arrays, histories and pictures for the figures.
    verdicts : sequence of Verdict
        What of the papers' claims holds; without any, the page has no such section.
    """
    write_texts({NAME: render(records, boards, artefacts or Artefacts(), verdicts)}, folder)
    return folder / NAME


def render(
    records: Sequence[Record], boards: Sequence[Board], artefacts: Artefacts, verdicts: Sequence[Verdict]
) -> str:
    """The page as text that UTF-8 can encode, whatever the records hold."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("page.html.j2").render(
        summary=_summary(records),
        coverage=coverage(boards),
        claims=_claims(verdicts),
        provenance=provenance(boards),
        level=f"{LEVEL:.0%}",
        style=_asset("style.css"),
        scripts="\n".join(_asset(name) for name in SCRIPTS),
        plotly=_plotly(),
        data=script_json(payload(boards, artefacts)),
    )
    return printable(page)


def script_json(value: Any) -> str:
    """JSON that may stand in a <script>: ASCII, and no '<' that could end it or open a comment."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _summary(records: Sequence[Record]) -> dict[str, Any]:
    """The facts under the title."""
    done = sum(record.status == "done" for record in records)
    ends = sorted(str(end) for record in records if (end := record.provenance.get("end")))
    software = [record.provenance.get("software", {}) for record in records]
    commits = sorted({str(s["commit"])[:10] + ("+" if s.get("dirty") else "") for s in software if s.get("commit")})
    return {
        "runs": f"{counted(len(records), 'run')}, {done} done",
        "models": len({record.spec.model for record in records}),
        "datasets": ", ".join(sorted({record.spec.dataset for record in records})),
        "seeds": ", ".join(map(str, sorted({record.spec.seed for record in records}))),
        "dates": " to ".join(dict.fromkeys(end[:10] for end in (ends[0], ends[-1]))) if ends else "not recorded",
        "commit": ", ".join(commits) or "not recorded",
    }


def _claims(verdicts: Sequence[Verdict]) -> dict[str, Any] | None:
    """The rows of the claims' table, as claims.md words them."""
    if not verdicts:
        return None
    from bench import claim_tables

    rows = [
        claim_tables.row(v) | {"observed": claim_tables.observed(v), "seeds": claim_tables.seeds(v)} for v in verdicts
    ]
    return {"reading": claim_tables.READING.replace("**", ""), "counts": claim_tables.counts(verdicts), "rows": rows}


def _asset(name: str) -> str:
    return files("bench.report").joinpath("assets", name).read_text(encoding="utf-8")


def _plotly() -> str:
    return files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
