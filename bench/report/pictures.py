"""Pictures of the shown runs: inside the page as long as there is room, then as links to their files."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.captions import read_captions
from bench.leaderboard import Board
from bench.store import RunStore


def pictures(boards: Sequence[Board], store: RunStore, folder: Path, room: int) -> dict[str, list[dict[str, Any]]]:
    """Run -> its pictures, each with its labels and where it is: the file itself as a data URL, or a path to it.

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
            urls = {name: f"data:image/png;base64,{base64.b64encode(png).decode()}" for name, png in found.items()}
            size = sum(map(len, urls.values()))
            if size <= room:
                room -= size
            else:
                urls = {name: _link(store.picture_path(record.run_id, name), folder) for name in found}
            shown[record.run_id] = [_entry(name, urls[name], png) for name, png in found.items()]
    return {run_id: entries for run_id, entries in shown.items() if entries}


def _entry(name: str, url: str, png: bytes) -> dict[str, Any]:
    captions = read_captions(png)
    return {"title": name, "url": url, "rows": captions.rows, "columns": captions.columns}


def _link(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
