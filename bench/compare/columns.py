"""The columns that boards have, from the registered metrics."""

from __future__ import annotations

from bench.compare.boards import Column
from bench.plugins.registry import METRIC_REGISTRY
from bench.plugins.source import metric_info


def columns() -> list[Column]:
    """A column per metric. Imports no metric whose file says plainly how it is read."""
    infos = {name: metric_info(plugin) for name, plugin in METRIC_REGISTRY.plugins.items()}
    if None in infos.values():
        from bench.plugins.loading import all_metrics

        infos = {name: function.info for name, function in all_metrics().items()}  # type: ignore[attr-defined]
    return [Column(name, info, METRIC_REGISTRY.plugins[name].summary()) for name, info in infos.items() if info]
