"""JSON of a million numbers, by pydantic's writer: a quarter of the time of Python's, which an indent slows further."""

from __future__ import annotations

import json
import math
from typing import Any

from pydantic_core import PydanticSerializationError, to_json


def json_text(value: Any, indent: int | None = None) -> str:
    """Plain values as JSON; null for NaN and infinities, which JSON has not."""
    try:
        return to_json(value, indent=indent, inf_nan_mode="null").decode()
    except PydanticSerializationError:  # a name that UTF-8 cannot write
        return json.dumps(_without_nan(value), indent=indent)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
