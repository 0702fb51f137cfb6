"""Legend: how to read what a run left, as data. Whoever draws a board or a page imports no plug-in for it."""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import Any, Self

from pydantic import BaseModel, model_validator

from metrics.base import MetricInfo

MOST_LETTERS = 1000
"""Of each text that says what a metric is."""
MOST_PLACES = 1000
"""Of a curve."""


class MetricEntry(BaseModel):
    """What one metric of a run means."""

    info: MetricInfo
    """How its numbers are read."""
    code: str = ""
    """Start of the checksum of the file that computed it: another one means that it is to be computed again."""
    not_applicable: str = ""
    """Why the run has no number of it; "" where it has one, or where it raised."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_run(cls, content: Any) -> Any:
        """Earlier runs say in an axis's label alone that its places are quantiles."""
        match content:
            case {"info": {"curve": {"label": str(label)} as curve}} if "quantiles" not in curve:
                curve["quantiles"] = label.startswith("quantile")
        return content

    @model_validator(mode="after")
    def _can_be_shown(self) -> Self:
        words = [value for value in (*vars(self.info).values(), self.not_applicable) if isinstance(value, str)]
        if max(map(len, words)) > MOST_LETTERS:
            raise ValueError(f"a text has more than {MOST_LETTERS:,} characters")
        if self.info.curve and len(self.info.curve.places) > MOST_PLACES:
            raise ValueError(f"a curve has more than {MOST_PLACES:,} places")
        if self.info.curve and not all(p.at is None or math.isfinite(p.at) for p in self.info.curve.places.values()):
            raise ValueError("a place of a curve is not a finite number")
        return self


class Legend(BaseModel):
    """How to read the numbers and arrays of one run, as `legend.json`."""

    family: str = "others"
    """What kind of model it is of, such as "SAE family"."""
    metrics: dict[str, MetricEntry] = {}
    """By name, in the order of the columns."""

    @cached_property
    def codes(self) -> dict[str, str]:
        """Metric -> its code, of those that apply."""
        return {name: entry.code for name, entry in self.metrics.items() if entry.code and not entry.not_applicable}


@lru_cache(maxsize=64)
def parse_legend(text: bytes) -> Legend:
    """The legend in a file. Thousands of runs leave the same few, so each is parsed once: do not change what you get.

    Raises pydantic's ValidationError.
    """
    return Legend.model_validate_json(text)
