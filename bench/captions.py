"""The words of a sheet of pictures, kept in its PNG file: what its rows and its columns show."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image
from PIL.PngImagePlugin import PngInfo

KEY = "captions"


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


def read_captions(png: bytes) -> Captions:
    """What `png_text` left in a PNG file; no labels where it holds none, or is no PNG file."""
    try:
        with Image.open(io.BytesIO(png), formats=["png"]) as image:
            found = json.loads(str(image.info[KEY]))
        return Captions(tuple(map(str, found["rows"])), tuple(map(str, found["columns"])))
    except (OSError, KeyError, ValueError, TypeError, SyntaxError):
        return Captions()
