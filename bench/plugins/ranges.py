"""The range that a metric declares, as an interval in words, and whether what it returns is in it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np

ROUNDING = 1e-6
"""What a value may lie beyond an end of its range, relative to the end, or to 1 where that is more."""

ANY = (-math.inf, math.inf)
"""The ends of what is no interval."""


def ends_of(interval: str) -> tuple[float, float] | None:
    """The ends of '[0, inf)', one that is no number as infinity; None where the text is no interval."""
    match = re.fullmatch(r"[\[(]\s*([^,]+),\s*([^,]+?)\s*[\])]", interval)
    if not match:
        return None
    ends = []
    for side, infinite in zip(match.groups(), (-math.inf, math.inf), strict=True):
        try:
            ends.append(float(side))
        except ValueError:
            ends.append(infinite)
    return ends[0], ends[1]


def flaw_of_range(interval: str) -> str:
    """Why a declared range is no interval, so that no value could be held against it; "" for one that is."""
    ends = ends_of(interval)
    if ends is None:
        return f"range is '{interval}'; write '[0, 1]' or '(-inf, inf)', say."
    return f"range is '{interval}', whose ends are in the wrong order." if ends[0] > ends[1] else ""


def require_in(interval: str, values: Mapping[str, float | np.ndarray]) -> None:
    """ValueError that names the first value, by its key, beyond an interval. NaN in an array stands for no value."""
    low, high = (end - side * _slack(end) for end, side in zip(ends_of(interval) or ANY, (1, -1), strict=True))
    for key, value in values.items():
        numbers = np.asarray(value, np.float64)
        outside = numbers[(numbers < low) | (numbers > high)]
        if outside.size:
            what = f"'{key}'" if key else "the value" if numbers.ndim == 0 else "a value of its array"
            raise ValueError(f"{what} is {outside.flat[0]:.6g}; the declared range is {interval}")


def _slack(end: float) -> float:
    return ROUNDING * max(1.0, abs(end)) if math.isfinite(end) else 0.0
