"""`bench list`: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.app import app, say

if TYPE_CHECKING:
    from bench.plugins.plugin import Plugin

ARROWS = {"min": "↓", "max": "↑"}


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Argument(help="models, datasets or metrics; default: all three.")] = None,
) -> None:
    """Name what there is, one line each: metrics with what is better (↑ ↓) and their source."""
    from bench.errors import unknown
    from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY

    registries = {"models": MODEL_REGISTRY, "datasets": DATASET_REGISTRY, "metrics": METRIC_REGISTRY}
    if kind is not None and kind not in registries:
        raise unknown("kind", kind, registries)
    for name, registry in registries.items():
        if kind in (None, name):
            if kind is None:
                say(f"\n{name}")
            say("\n".join(_lines(list(registry.plugins.values()))))


def _lines(plugins: list[Plugin]) -> list[str]:
    """Aligned names with what each is; metrics under their family."""
    width = max(len(plugin.name) for plugin in plugins)
    lines = []
    for plugin in plugins:
        declared = plugin.declared()
        arrow = f"{ARROWS.get(str(declared['direction']), ' ')} " if "direction" in declared else ""
        source = f" [{declared['source']}]" if "source" in declared else ""
        lines.append(f"{plugin.name:<{width}}  {arrow}{plugin.summary()}{source}")
    return lines
