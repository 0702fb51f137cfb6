"""A results folder as a static site."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench.api.boards import build_boards
from bench.show.report import write_site
from bench.show.tables import Tables
from bench.store.labs import Labs, Source, write_labs
from bench.store.record import Provenance
from bench.store.runs import RunStore
from tests.bench.store.helpers import record_of
from tests.results import put

HOSTILE = '../../<script>alert("x")</script>'


def made(root: Path) -> tuple[Path, Path]:
    """A store of runs on two data sets of unlike content that have one hostile name, and its site."""
    store = RunStore(root / "runs")
    for checksum in ("abc", "../x"):
        spec = record_of().spec.model_copy(update={"dataset": HOSTILE, "dataset_checksum": checksum})
        put(store, record_of().model_copy(update={"spec": spec, "run_id": spec.run_id}))
    source = Source(lab="<i>Ann</i>", run_id="r", digest="", provenance=Provenance())
    write_labs(store.root, Labs(runs={spec.run_id: [source]}, notes=["<u>odd</u>"]))
    records = store.scan().records
    return store.root, write_site(records, Tables(build_boards(records, store)), root / "site", store)


def test_a_page_a_data_set_and_every_link_leads_to_a_file_of_the_site(tmp_path: Path) -> None:
    runs, index = made(tmp_path)
    page = index.read_text(encoding="utf-8")
    links = re.findall(r'href="([^"]+)"', page)
    files = [link for link in links if link != "data:,"]
    assert len([name for name in files if name.endswith(".html")]) == 2, "unlike data have pages of their own"
    assert {path.name for path in index.parent.iterdir()} == {*files, "index.html"}
    assert all(re.fullmatch(r"[\w.-]+", name) for name in files), "nothing leads out of the folder"
    lines = (index.parent / "records.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["run_id"] for line in lines} == set(RunStore(runs).recorded())


def test_names_are_text_and_nothing_is_asked_of_elsewhere(tmp_path: Path) -> None:
    _, index = made(tmp_path)
    page = index.read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<i>|<u>|https?:|src=|url\(", page)
    assert "&lt;i&gt;Ann&lt;/i&gt;" in page
    assert "&lt;u&gt;odd&lt;/u&gt;" in page
