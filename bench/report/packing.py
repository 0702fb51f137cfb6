"""What is large and compresses well, as text that a script may hold and the page unpacks."""

from __future__ import annotations

import base64
import gzip
import json
from functools import partial
from typing import Any

from bench.errors import printable

compact = partial(json.dumps, allow_nan=False, separators=(",", ":"))


def pack(text: str) -> str:
    """gzip, then base64; the same text gives the same bytes."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")


def packed_json(value: Any) -> str:
    """JSON, packed. Raises ValueError for NaN and infinities."""
    return pack(printable(compact(value, ensure_ascii=False)))


def script_json(value: Any) -> str:
    """JSON that may stand in a <script>: ASCII, and no '<' that could end it or open a comment."""
    return compact(value).replace("<", "\\u003c")
