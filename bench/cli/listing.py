"""`bench list`: what there is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import completion
from bench.cli.app import app, say

if TYPE_CHECKING:
    from bench.plugins.plugin import Plugin

ARROWS = {"min": "↓", "max": "↑"}
WIDER = "\nTheir sources have no room here: `python -m bench list metrics | less` shows them."


@app.command("list")
def list_(
    kind: Annotated[
        str | None,
        typer.Argument(help="models, datasets or metrics; default: all three.", autocompletion=completion.kinds),
    ] = None,
) -> None:
    """Name what there is, by family: metrics with what is better (↑ ↓), their unit and their source."""
    from bench.errors import unknown
    from bench.plugins.registry import DATASET_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY

    registries = {"models": MODEL_REGISTRY, "datasets": DATASET_REGISTRY, "metrics": METRIC_REGISTRY}
    if kind is not None and kind not in registries:
        raise unknown("kind", kind, registries)
    for name, registry in registries.items():
        if kind in (None, name):
            if kind is None:
                say(f"\n{name.upper()}")
            say(_listed(list(registry.plugins.values()), registry.on_request))


def _listed(plugins: Sequence[Plugin], on_request: Collection[str]) -> str:
    """Names with what each is, those of a family below its name."""
    from bench.show.fitting import room, table

    families: dict[str, list[list[str]]] = {}
    for plugin in plugins:
        declared = plugin.declared()
        family = plugin.family if declared else plugin.stated("family")
        reading = f"{ARROWS.get(str(declared.get('direction')), ' ')} {declared.get('unit', '')}".rstrip()
        summary = f"(only where it is named) {plugin.summary()}" if plugin.name in on_request else plugin.summary()
        row = [f"  {plugin.name}", reading, summary, str(declared.get("source", ""))]
        families.setdefault(family, []).append(row)
    rows = []
    for family, members in families.items():
        rows += [[f"\n{family}", "", "", ""], *members] if family else members
    return table((), rows, room(), words={2: 28}, spare=(3,), rest=WIDER).lstrip("\n")
