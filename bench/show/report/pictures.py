"""Pictures of the shown runs: inside the page as long as there is room, then as links to their files."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.compare.boards import Board
from bench.show.captions import read_captions
from bench.show.report.packing import script_json
from bench.store.runs import RunStore


def pictures(boards: Sequence[Board], store: RunStore, folder: Path, room: int) -> dict[str, list[dict[str, Any]]]:
    """Run -> its pictures, each with its labels and the file itself ("png", base64) or a link to it ("link").

    Parameters
    ----------
    folder : Path
        Where the page lies, which paths start from.
    room : int
        Bytes that the pictures may take in the page. A run has all of its pictures there, or none.
    """
    shown = {}
    for board in boards:
        for record in board.representatives.values():
            found = store.read_pictures(record.run_id)
            labels = {name: captions for name, png in found.items() if (captions := read_captions(png))}
            entries = [{"title": name, **asdict(captions)} for name, captions in labels.items()]
            embedded = [entry | {"png": base64.b64encode(found[entry["title"]]).decode()} for entry in entries]
            size = len(script_json(embedded))
            if size <= room:
                room -= size
                shown[record.run_id] = embedded
            else:
                links = [_link(store.picture_path(record.run_id, name), folder) for name in labels]
                shown[record.run_id] = [e | {"link": link} for e, link in zip(entries, links, strict=True)]
    return {run_id: entries for run_id, entries in shown.items() if entries}


def _link(path: Path, folder: Path) -> str:
    """A path as a relative URL in which nothing of a folder's name has a meaning."""
    return "./" + quote(Path(os.path.relpath(path, folder)).as_posix())
