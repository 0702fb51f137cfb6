"""Legend: how to read what a run left, as data. Whoever draws a board or a page imports no plug-in for it."""

from __future__ import annotations

from pydantic import BaseModel

from metrics.base import MetricInfo


class MetricEntry(BaseModel):
    """What one metric of a run means."""

    info: MetricInfo
    """How its numbers are read."""
    code: str = ""
    """Start of the checksum of the file that computed it: another one means that it is to be computed again."""
    not_applicable: str = ""
    """Why the run has no number of it; "" where it has one, or where it raised."""


class Legend(BaseModel):
    """How to read the numbers and arrays of one run, as `legend.json`."""

    family: str = "others"
    """What kind of model it is of, such as "SAE family"."""
    metrics: dict[str, MetricEntry] = {}
    """By name, in the order of the columns."""
