"""The words of a sheet of pictures, kept in its PNG file: what its rows and its columns show."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image
from PIL.PngImagePlugin import PngInfo

KEY = "captions"
MOST_LABELS, MOST_LETTERS = 64, 80


@dataclass(frozen=True)
class Captions:
    """Labels of the rows and of the columns; none where they need none."""

    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


def png_text(rows: Sequence[str], columns: Sequence[str]) -> PngInfo:
    """The labels, as what Pillow writes into a PNG file."""
    text = PngInfo()
    text.add_text(KEY, json.dumps({"rows": list(rows), "columns": list(columns)}))
    return text


def read_captions(png: bytes) -> Captions | None:
    """What `png_text` left in a PNG file; None where it has not, or where the file is damaged."""
    try:
        with warnings.catch_warnings(action="error"), Image.open(io.BytesIO(png), formats=["png"]) as image:
            found = json.loads(str(image.info[KEY]))
            image.verify()
        return Captions(_labels(found["rows"]), _labels(found["columns"]))
    except Exception:  # a foreign file fails in a dozen ways, decompression bombs and warnings of them among these
        return None


def _labels(found: list[str]) -> tuple[str, ...]:
    return tuple(str(label)[:MOST_LETTERS] for label in found[:MOST_LABELS])
