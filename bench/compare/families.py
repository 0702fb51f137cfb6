"""What kind of model a run is of."""

from __future__ import annotations

from functools import cache

from bench.plugins.registry import MODEL_REGISTRY
from bench.store.legend import Legend
from bench.store.record import Record


def family_of(record: Record, legend: Legend) -> str:
    """The family of its model: of a built-in as its file states it, since a legend may be lost; else by its legend."""
    return (_stated(record.spec.model_reference) if record.spec.code is None else "") or legend.family


@cache
def _stated(reference: str) -> str:
    """What a built-in model states; "" where there is none of this reference."""
    known = (plugin for plugin in MODEL_REGISTRY.plugins.values() if plugin.builtin and plugin.reference == reference)
    plugin = next(known, None)
    return plugin.stated("family") if plugin else ""
