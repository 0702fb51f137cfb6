"""A price: the level of a metric, or the range of it, at which models are compared."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from bench.errors import BenchError, unknown

NICE = (1, 2, 5)
"""First digits of the prices that are offered."""


class Price(NamedTuple):
    """A level of a metric, or a range: then what is read is the mean over its logarithm."""

    metric: str
    """Name of the metric, as in records."""
    low: float
    """Where the range begins, above zero."""
    high: float
    """Where it ends; the same as `low` for a level."""

    @property
    def is_range(self) -> bool:
        """Whether it is a range."""
        return self.high > self.low

    @property
    def value(self) -> str:
        """'10', or '4 to 32'."""
        return f"{self.low:g} to {self.high:g}" if self.is_range else f"{self.low:g}"


def parse_price(text: str, metrics: Iterable[str]) -> Price:
    """The price that 'l0=10' or 'l0=4..32' says. BenchError for anything else, or a metric that is not among these."""
    metric, _, value = text.partition("=")
    low, dots, high = value.partition("..")
    valid = "METRIC=NUMBER or METRIC=FROM..TO, numbers above zero and FROM below TO, e.g. l0=10 or l0=4..32"
    try:
        price = Price(metric.strip(), float(low), float(high if dots else low))
    except ValueError:
        raise BenchError(f"--at {text}: not a price. Valid: {valid}.") from None
    if not (0 < price.low <= price.high < math.inf and (price.is_range or not dots)):
        raise BenchError(f"--at {text}: '{value}' is not a level that can be read. Valid: {valid}.")
    known = set(metrics)
    if price.metric not in known:
        raise unknown("metric in --at", price.metric, known, "`python -m bench list metrics` says what each is.")
    return price


def round_levels(low: float, high: float) -> list[float]:
    """The numbers 1, 2 and 5 times a power of ten between two numbers above zero."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [level for power in powers for digit in NICE if low <= (level := float(f"{digit}e{power}")) <= high]
