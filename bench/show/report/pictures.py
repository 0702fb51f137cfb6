"""Pictures of the shown runs, as numbers that the page paints; those that have no room are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.show.report.artefacts import Left
from bench.show.report.packing import packed_json
from bench.show.sheets import Sheet, pictures_of, sheets_of
from bench.store.views import Views

LEVELS = 31
"""Colours of a picture, an odd number: zero is the middle one. More are hardly told apart, and take more room."""
NONE = LEVELS
"""The level of a value that there is not."""
LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcde.", np.uint8)
"""A letter a level: what packs them sees how often each is there, which base64 would hide."""
MOST_ATOMS = 50
"""Atoms in the page; a run leaves more."""
MAX_SIDE = 64
"""Pixels of a picture in each direction, at most; of larger ones every second is shown, or every third."""
MAX_LENGTH = 512
"""The same for a vector, which is a line."""


def pictures(runs: Sequence[str], left: Mapping[str, Left], room: int) -> dict[str, str]:
    """Run id -> its pictures, packed; "" where there is no room for them.

    Parameters
    ----------
    runs : sequence of str
        Ids of the runs, first those that come first.
    room : int
        Bytes that the pictures may take in the page. A run has all of its pictures there, or none.
    """
    shown = {}
    for run in runs:
        views = left[run].views
        found = [painted(sheet, views.image_shape.tolist()) for sheet in _sheets(views)]
        if found:
            packed = packed_json(found)
            fits = len(packed) <= room
            room -= len(packed) if fits else 0
            shown[run] = packed if fits else ""
    return shown


def _sheets(views: Views) -> list[Sheet]:
    """Those of a page: it has fewer atoms than were left, and the top samples stand in the browser of units."""
    sheets = sheets_of(replace(views, atoms=views.atoms[:MOST_ATOMS]))
    return [sheet for sheet in sheets if sheet.name != "top-samples" or not len(views.shown_units)]


def painted(sheet: Sheet, image_shape: Sequence[int]) -> dict[str, Any]:
    """A sheet as rows of tiles of levels, row by row from the top left: see `assets/pictures.js`."""
    tiles, is_image = _tiles(sheet.values, image_shape)
    low, high = sheet.limits
    levels = np.clip((tiles - low) / (high - low), 0, 1) * (LEVELS - 1)
    steps = np.where(np.isnan(tiles), NONE, np.nan_to_num(levels).round()).astype(np.uint8)
    lines = f" Lines from the top: {_listed(sheet.columns)}." if sheet.columns and not is_image else ""
    return {
        "title": sheet.name.replace("-", " "),
        "caption": sheet.caption + lines,
        "rows": [name[:MAX_LENGTH] for name in sheet.rows],
        "columns": list(sheet.columns) if is_image else [],
        "shape": list(tiles.shape),
        "signed": sheet.signed,
        "lines": not is_image,
        "levels": LETTERS[steps].tobytes().decode("ascii"),
        "below": painted(sheet.below, image_shape) if sheet.below else None,
    }


def _listed(names: Sequence[str]) -> str:
    """'1, …, 11, …' of names of which some are left out."""
    shown = [name or "…" for before, name in zip(["-", *names], names, strict=False) if name or before]
    return ", ".join(shown)


def _tiles(values: np.ndarray, image_shape: Sequence[int]) -> tuple[np.ndarray, bool]:
    """Tiles (R, S, H, W), or (R, S, H, W, 3), and whether they are images; vectors are a tile a row, a line each."""
    values = np.asarray(values, dtype=np.float64)
    pictures = pictures_of(values, image_shape)
    if pictures is None:
        return values[:, None, :, :: -(-values.shape[-1] // MAX_LENGTH)], False
    step = -(-max(pictures.shape[2:4]) // MAX_SIDE)
    return pictures[:, :, ::step, ::step], True
