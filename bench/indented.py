"""JSON with an indent, as json.dumps writes it with `indent=1`, in less than half the time.

leaderboard.json has a million numbers, and Python's encoder leaves its C code as soon as there is an indent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any


def indented(value: Any, line: str = "\n") -> str:
    """Plain values as JSON, one a line; an iterator is a list. ValueError for NaN and infinities, as none are JSON.

    Parameters
    ----------
    line : str
        How the line begins that the value stands on: a newline and its indent.
    """
    if type(value) is float and math.isfinite(value):  # what there is most of comes first
        return repr(value)
    if isinstance(value, str):
        return json.encoder.encode_basestring_ascii(value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if type(value) is int:
        return repr(value)
    if isinstance(value, dict):
        inner = line + " "
        items = [
            f"{json.encoder.encode_basestring_ascii(str(key))}: {indented(item, inner)}" for key, item in value.items()
        ]
        return f"{{{inner}{f',{inner}'.join(items)}{line}}}" if items else "{}"
    if isinstance(value, list | tuple | Iterator):
        inner = line + " "
        items = [indented(item, inner) for item in value]
        return f"[{inner}{f',{inner}'.join(items)}{line}]" if items else "[]"
    return json.dumps(value, allow_nan=False)
