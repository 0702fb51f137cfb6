"""A results folder as a static site: an index, a page for each data set, and files to download.

    DIR/index.html              the data sets, who ran what, the downloads
    DIR/digits-1a2b3c4d5e.html  the page of one data set, as report.html
    DIR/leaderboard.*           the tables of all
    DIR/records.jsonl           a record a line

Links are relative and nothing is asked of elsewhere, so that any static host will do.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench.compare.boards import Board
from bench.errors import counted
from bench.show.labs import shares
from bench.show.report.page import asset, environment, render
from bench.show.tables import Tables, write_texts
from bench.store.labs import read_labs
from bench.store.record import Record
from bench.store.runs import RunStore

INDEX = "index.html"
DOWNLOADS = {
    "leaderboard.csv": "a row for each row of the boards, every metric",
    "leaderboard.json": "the same, with units and directions",
    "leaderboard.md": "the boards to read",
    "leaderboard.tex": "the boards for a paper",
    "records.jsonl": "every run: its spec, numbers, provenance, and the digests of its files",
}


def write_site(records: Sequence[Record], tables: Tables, folder: Path, store: RunStore) -> Path:
    """Write the site into a folder, over the files of these names that are there. BenchError where it refuses."""
    groups: dict[tuple[str, str], list[Board]] = defaultdict(list)
    for board in tables.boards:
        spec = board.records[0].spec
        groups[spec.dataset, spec.dataset_checksum].append(board)
    pages, cards = {}, []
    for (name, checksum), boards in groups.items():
        file = _file_of(name, checksum)
        own = [r for r in records if (r.spec.dataset, r.spec.dataset_checksum) == (name, checksum)]
        pages[file] = render(own, Tables(boards), store)
        titles = [
            f"{board.settings} setting, {board.budget} budget: {counted(len(board.rows), 'row')}" for board in boards
        ]
        cards.append({"name": name, "file": file, "runs": counted(len(own), "run"), "boards": titles})
    lines = "".join(f"{record.model_dump_json()}\n" for record in records)
    labs = read_labs(store.root)
    index = (
        environment()
        .get_template("index.html.j2")
        .render(
            cards=cards,
            downloads=DOWNLOADS,
            labs=shares(labs),
            notes=labs.notes,
            style=asset("page.css") + asset("tables.css"),
        )
    )
    tables.write(folder)
    write_texts({**pages, "records.jsonl": lines, INDEX: index}, folder)
    return folder / INDEX


def _file_of(name: str, checksum: str) -> str:
    """A file name that is safe on any host, and of these data alone."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:60] or "data"
    return f"{words}-{hashlib.sha256(f'{name}/{checksum}'.encode()).hexdigest()[:10]}.html"
