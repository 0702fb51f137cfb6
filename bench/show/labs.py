"""Who ran what, in a folder that was merged from several labs."""

from __future__ import annotations

from typing import NamedTuple

from bench.errors import clipped, counted
from bench.store.labs import Labs

MOST_NOTES = 50
"""Lines that are printed of what a reader should know; all are in labs.json."""


class Share(NamedTuple):
    """What a lab has in a merged folder."""

    lab: str
    """What it calls itself."""
    runs: str
    """How many, and how many that another lab found alike."""
    commits: str
    """Of the code that made them."""
    hosts: str
    """Machines that made them."""
    made: str
    """First and last day."""


def shares(labs: Labs) -> list[Share]:
    """A line for each lab, in the order in which they were merged."""
    return [_share(labs, lab) for lab in labs.names]


def _share(labs: Labs, lab: str) -> Share:
    own = [(sources, source) for sources in labs.runs.values() for source in sources if source.lab == lab]
    made = [source.provenance for _, source in own]
    alike = sum(len(sources) > 1 for sources, _ in own)
    software = [each.software for each in made if each.software]
    commits = sorted({s.checkout for s in software if s.commit})
    days = sorted(each.end[:10] for each in made if each.end)
    return Share(
        lab,
        counted(len(own), "run") + (f", {alike} of them with the same numbers as another lab's" if alike else ""),
        clipped(", ".join(commits)) or "not recorded",
        clipped(", ".join(sorted({h.host for each in made if (h := each.hardware) and h.host}))) or "not recorded",
        " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "not recorded",
    )


def lines(labs: Labs) -> list[str]:
    """Who ran what, for a terminal; nothing of a folder that was not merged."""
    told = [f"{s.lab}: {s.runs}; commit {s.commits}; on {s.hosts}; {s.made}" for s in shares(labs)]
    return [*(["Who ran what"] if told else []), *told, *labs.notes[:MOST_NOTES]]


def owners(labs: Labs, run_id: str) -> str:
    """Whose a run is: 'A', or 'A; same numbers: B'; "" where nobody says."""
    names = [source.lab for source in labs.runs.get(run_id, ())]
    return "; same numbers: ".join(filter(None, (names[0], ", ".join(names[1:])))) if names else ""
