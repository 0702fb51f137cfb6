"""JSON of a million numbers, by pydantic's writer: a quarter of the time of Python's, which an indent slows further."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import PydanticSerializationError, to_json


def json_text(value: Any, indent: int | None = None) -> str:
    """Plain values as JSON; null for NaN and infinities, which JSON has not."""
    try:
        return to_json(value, indent=indent, inf_nan_mode="null").decode()
    except PydanticSerializationError:  # a name that UTF-8 cannot write
        return json.dumps(value, indent=indent)
