"""What two runs of one spec must agree in."""

from __future__ import annotations

import math

from bench.store.record import Record

OF_THE_MACHINE = ("train_seconds", "step_ms", "peak_memory")


def numbers(record: Record) -> dict[str, float | str]:
    """The metrics on both splits that do not measure the machine, NaN as a word so that it equals itself."""
    assert record.status == "done", record.error
    scalars = {**record.metrics, **{f"validation.{name}": value for name, value in record.validation.items()}}
    kept = {name: value for name, value in scalars.items() if name not in OF_THE_MACHINE}
    return {name: "nan" if math.isnan(value) else value for name, value in kept.items()}
