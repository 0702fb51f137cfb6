"""What is large and compresses well, as text that a script may hold and the page unpacks."""

from __future__ import annotations

import base64
import gzip
import json
import math
from typing import Any

from bench.errors import printable
from bench.show.json_text import json_text

LEVEL = 6
"""Of gzip: 2 takes a third of the time for 12% more."""


def pack(text: str) -> str:
    """gzip, then base64; the same text gives the same bytes."""
    return base64.b64encode(gzip.compress(text.encode(), LEVEL, mtime=0)).decode("ascii")


def packed_json(value: Any) -> str:
    """JSON, packed."""
    return pack(printable(json_text(value)))


def significant(value: float) -> float | None:
    """Four significant digits, as JSON can have them; None for what is not a number."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def script_json(value: Any) -> str:
    """JSON that may stand in a <script>: ASCII, and no '<' that could end it or open a comment."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
