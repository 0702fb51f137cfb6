"""The page: a template filled with sections that need no script, then what the scripts draw from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.compare.answers import answer
from bench.compare.boards import compared_at_a_price
from bench.compare.readings import FLOORS, NEAR
from bench.compare.stats import LEVEL
from bench.errors import BenchError, counted
from bench.show.report.answers import answers
from bench.show.report.artefacts import gather
from bench.show.report.coverage import coverage
from bench.show.report.explained import glossary
from bench.show.report.packing import pack, packed_json, script_json
from bench.show.report.payload import families, payload
from bench.show.report.pictures import LEVELS, pictures
from bench.show.report.provenance import provenance
from bench.show.report.shown import SEEDS, first_runs, rounds
from bench.show.report.units import browser
from bench.show.tables import Tables, write_texts
from bench.store.labs import read_labs
from bench.store.record import Record
from bench.store.runs import RunStore

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

NAME = "report.html"
MAX_BYTES = 7_900_000
"""Pictures and units that would make the page larger are left out, and named."""
FOR_PICTURES = 0.6
"""Share of the room for pictures; what they leave is the units'."""
TWO_TESTS = (
    "Bold and ranks are two tests: bold compares a row with the best alone, by the spread of all rows; ranks compare "
    "every pair by its own spread, and tell fewer apart. So a row that is not bold may still have a rank of 1."
)
"""Said where both are shown."""

STYLES = ("page.css", "tables.css", "figures.css", "units.css", "media.css")
SCRIPTS = (
    "core.js", "plots.js", "statistics.js", "readings.js", "answer.js", "two.js", "board.js", "pareto.js", "pairs.js",
    "pictures.js", "heatmaps.js", "curves.js", "structure.js", "units.js", "start.js",
)  # fmt: skip


def write(records: Sequence[Record], tables: Tables, folder: Path, store: RunStore) -> Path:
    """Write report.html into a folder. BenchError where the folder refuses.

    Parameters
    ----------
    records : sequence of Record
        All runs, those included that a newer one supersedes.
    tables : Tables
        Those of their boards: the page has its numbers from here, as leaderboard.csv does.
    store : RunStore
        Where the runs are: the arrays, histories and pictures of those that are shown come from there, and the verdicts
        on the papers' claims that lie beside them.
    """
    write_texts({NAME: render(records, tables, store)}, folder)
    return folder / NAME


def render(records: Sequence[Record], tables: Tables, store: RunStore) -> str:
    """The page as text."""
    boards = tables.boards
    left = gather(store, first_runs(boards))
    kinds = families(boards, left)
    found = [answer(board, {model for model, kind in kinds.items() if kind == FLOORS}) for board in boards]
    runs = rounds(found)
    left |= gather(store, (record for each in runs for record in each if record.run_id not in left))
    template = environment().get_template("page.html.j2")
    fixed = template.render(
        summary=_summary(records),
        answers=answers(found),
        glossary=glossary(boards),
        coverage=coverage(boards),
        claims=_claims(store.root),
        provenance=provenance(boards, read_labs(store.root)),
        level=f"{LEVEL:.0%}",
        near=f"{NEAR - 1:.0%}",
        seeds=SEEDS,
        megabytes=f"{MAX_BYTES / 1e6:.1f}",
        levels=LEVELS,
        priced=compared_at_a_price(boards),
        two_tests=TWO_TESTS,
        style="\n".join(asset(name) for name in STYLES),
        scripts="\n".join(asset(name) for name in SCRIPTS),
        plotly=pack(_plotly()),
        data=packed_json(payload(tables, left)),
    )
    room = MAX_BYTES - len(fixed.encode(errors="replace"))
    ids = [[record.run_id for record in each] for each in runs]
    shown = pictures([run for each in ids for run in each], left, int(FOR_PICTURES * room))
    units = browser(ids, left, room - sum(map(len, shown.values())))
    head, end, tail = fixed.rpartition("</body>")
    return f"{head}{_data('pictures', shown)}{_data('units-data', units)}{end}{tail}"


def _data(name: str, value: Any) -> str:
    return f'<script type="application/json" id="{name}">{script_json(value)}</script>\n'


def _summary(records: Sequence[Record]) -> dict[str, Any]:
    """The facts under the title."""
    done = sum(record.status == "done" for record in records)
    ends = sorted(record.provenance.end for record in records if record.provenance.end)
    software = [record.provenance.software for record in records if record.provenance.software]
    commits = sorted({s.checkout for s in software if s.commit})
    return {
        "runs": f"{counted(len(records), 'run')}, {done} done",
        "models": len({record.spec.model for record in records}),
        "datasets": ", ".join(sorted({record.spec.dataset for record in records})),
        "seeds": ", ".join(map(str, sorted({record.spec.seed for record in records}))),
        "dates": " to ".join(dict.fromkeys(end[:10] for end in (ends[0], ends[-1]))) if ends else "not recorded",
        "commit": ", ".join(commits) or "not recorded",
    }


def _claims(folder: Path) -> dict[str, Any] | None:
    """The claims' table that lies beside the runs, as claims.md words it; why not, where it is damaged."""
    from bench.show import claims

    try:
        rows = claims.read_claims(folder)
    except BenchError as error:
        return {"reading": str(error), "counts": "", "rows": []}
    reading = claims.READING.replace("**", "")
    return {"reading": reading, "counts": claims.counts(rows), "rows": rows} if rows else None


def environment() -> Environment:
    """Where the templates are: whatever is put into one is text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("bench.show.report")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters["coded"] = _coded
    return made


def _coded(text: str) -> Markup:
    """Text in which `a`, between backticks, is code."""
    from markupsafe import Markup, escape

    # As plain text: what is put into markup by `re.sub` would be escaped itself.
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def asset(name: str) -> str:
    """A style or a script of the page."""
    return files("bench.show.report").joinpath("assets", name).read_text(encoding="utf-8")


def _plotly() -> str:
    return files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
