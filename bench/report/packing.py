"""What is large and compresses well, as text that a script may hold and the page unpacks."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any


def pack(text: str) -> str:
    """gzip, then base64; the same text gives the same bytes."""
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), mtime=0)).decode("ascii")


def script_json(value: Any) -> str:
    """JSON that may stand in a <script>: ASCII, and no '<' that could end it or open a comment."""
    return to_json(value).replace("<", "\\u003c")


def to_json(value: Any) -> str:
    """Compact and ASCII. Raises ValueError for NaN and infinities."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
