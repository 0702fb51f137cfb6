"""Registries: from a name, `package.module:Object` or `file.py:Object` to a plug-in. Listing imports no plug-in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from bench.datasets import DATASETS
from bench.errors import BenchError, unknown
from bench.plugins.importing import import_target
from bench.plugins.plugin import Plugin
from metrics import METRICS
from models import MODELS


class Registry:
    """The plug-ins of one kind: built-ins, those of other packages (entry points), and any reference.

    Parameters
    ----------
    kind : str
        "model", "dataset" or "metric"; for messages.
    builtins : dict
        Name -> reference.
    group : str
        Entry-point group that other packages add to.
    """

    def __init__(self, kind: str, builtins: dict[str, str], group: str) -> None:
        self.kind, self.group, self.builtins = kind, group, builtins

    @cached_property
    def plugins(self) -> dict[str, Plugin]:
        """All named plug-ins, built-ins first; a name that stands twice is an error."""
        named = {name: Plugin(name, reference, True) for name, reference in self.builtins.items()}
        for entry in entry_points(group=self.group):
            if entry.name in named:
                raise BenchError(
                    f"The {self.kind} name '{entry.name}' is taken twice: by {named[entry.name].reference} and by "
                    f"{entry.value} (entry point of {entry.dist.name if entry.dist else 'an installed package'}). "
                    "Rename or uninstall one."
                )
            named[entry.name] = Plugin(entry.name, entry.value, False)
        return named

    def find(self, reference: str) -> Plugin:
        """The plug-in of a name or a reference; it is not imported yet."""
        if reference in self.plugins:
            return self.plugins[reference]
        target, colon, name = reference.rpartition(":")
        if not colon or not target or not name:
            raise unknown(self.kind, reference, self.plugins, "Or give package.module:Object or file.py:Object.")
        if target.endswith(".py") and not Path(target).is_file():
            raise BenchError(f"No file '{target}' for the {self.kind} '{reference}'; give its path from here.")
        if name in self.plugins:
            raise BenchError(f"'{reference}' has the name of the {self.kind} '{name}' that is there; rename yours.")
        return Plugin(name, reference, False)

    def choose(self, names: Sequence[str]) -> list[Plugin]:
        """The plug-ins of a list in which `all` stands for every named one; each once. BenchError for two of a name."""
        chosen: dict[str, Plugin] = {}
        for name in names:
            for plugin in self.plugins.values() if name == "all" else [self.find(name)]:
                known = chosen.setdefault(plugin.name, plugin)
                if known.reference != plugin.reference:
                    raise BenchError(
                        f"Two {self.kind}s are called '{plugin.name}': {known.reference} and {plugin.reference}; "
                        "rename one."
                    )
        return list(chosen.values())

    def load(self, plugin: Plugin) -> Any:
        """Import a plug-in and return its object."""
        module = import_target(plugin.target, self.kind, plugin.reference)
        if not hasattr(module, plugin.object_name):
            public = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
            raise unknown("object", plugin.object_name, public, f"(looked in {plugin.target})")
        return getattr(module, plugin.object_name)


MODEL_REGISTRY = Registry("model", MODELS, "bench.models")
DATASET_REGISTRY = Registry("dataset", DATASETS, "bench.datasets")
METRIC_REGISTRY = Registry("metric", METRICS, "bench.metrics")
