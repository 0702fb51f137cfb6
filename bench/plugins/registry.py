"""Registries: from a name, `package.module:Object` or `file.py:Object` to a plug-in. Listing imports no plug-in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from bench.datasets import DATASETS
from bench.datasets.place import NORMALISATIONS, normalisation_of, options_of, place_of
from bench.errors import BenchError, unknown
from bench.plugins.checkpoints import checkpoint_place
from bench.plugins.importing import import_target, require_importable
from bench.plugins.plugin import Plugin
from bench.store.files import expanded
from metrics import METRICS, ON_REQUEST
from models import MODELS

FORMS = "Or give package.module:Object or file.py:Object."


def by_reference(reference: str, kind: str) -> Plugin | None:
    """The plug-in of `package.module:Object`, `file.py:Object`, a path of data or `sae:PATH`; None for a name.

    It is not loaded. BenchError where there can be no such file or module, or no object is named.
    """
    reference = _from_home(reference)
    if kind == "model" and (checkpoint := checkpoint_place(reference)):
        return Plugin(checkpoint.name, checkpoint.reference, False)
    if place := place_of(reference):
        return Plugin(place.name, place.reference, True)
    target, colon, name = options_of(reference)[0].rpartition(":")
    if not colon and not reference.endswith(".py"):
        return None
    if not target or not name:
        raise BenchError(f"The {kind} '{reference}' names no object: give {(target or reference).rstrip(':')}:Object.")
    require_importable(target, kind, reference)
    return Plugin(name, reference, False)


def _from_home(reference: str) -> str:
    return str(expanded(Path(reference))) if reference.startswith("~") else reference


def load_object(plugin: Plugin, kind: str) -> Any:
    """Import a plug-in and return its object. BenchError that names those of its file where it has no such object."""
    module = import_target(plugin.target, kind, plugin.reference)
    if not hasattr(module, plugin.object_name):
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise unknown("object", plugin.object_name, own, f"(Looked in {plugin.target}.)")
    return getattr(module, plugin.object_name)


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
    on_request : collection of str
        Built-ins that `all` leaves out.
    """

    def __init__(
        self, kind: str, builtins: dict[str, str], group: str, on_request: Collection[str] = frozenset()
    ) -> None:
        self.kind, self.group, self.builtins, self.on_request = kind, group, builtins, on_request

    @cached_property
    def plugins(self) -> dict[str, Plugin]:
        """All named plug-ins, built-ins first; a name that stands twice is an error."""
        named = {name: Plugin(name, reference, True) for name, reference in self.builtins.items()}
        for entry in entry_points(group=self.group):
            if entry.name in named and named[entry.name].reference == entry.value:
                continue  # an installed package may be listed twice
            if entry.name in named:
                raise BenchError(
                    f"The {self.kind} name '{entry.name}' is taken twice: by {named[entry.name].reference} and by "
                    f"{entry.value} (entry point of {entry.dist.name if entry.dist else 'an installed package'}). "
                    "Rename or uninstall one."
                )
            named[entry.name] = Plugin(entry.name, entry.value, False)
        return named

    def find(self, reference: str) -> Plugin:
        """The plug-in of a name or a reference; it is not imported yet. Of a data set, `:normalise=HOW` may follow."""
        for plugin in self.plugins.values():
            if reference in (plugin.name, plugin.reference):
                return plugin
        if self.kind == "dataset" and not place_of(_from_home(reference)):
            named, how = normalisation_of(reference)
            if how:
                return self.find(named).normalised(how)
        own = by_reference(reference, self.kind)
        if own is None:
            also = {"model": " Or sae:PATH, for a checkpoint of another library."}.get(self.kind, "")
            if self.kind == "dataset" and Path(reference).is_dir():
                also = f" The folder of this name is ./{reference}"
            raise unknown(self.kind, reference, self.plugins, FORMS + also)
        if known := self.plugins.get(own.name):
            raise BenchError(
                f"The {self.kind} '{reference}' has the name of one that is there already, {known.reference}; "
                "rename yours."
            )
        return own

    def of_name(self, name: str) -> Plugin | None:
        """The registered plug-in that boards call by a name, such as `topk` or `mnist rms`."""
        base, _, how = name.rpartition(" ")
        if self.kind == "dataset" and base in self.plugins and how in NORMALISATIONS:
            return self.plugins[base].normalised(how)
        return self.plugins.get(name)

    def choose(self, names: Sequence[str]) -> list[Plugin]:
        """The plug-ins of a list, each once; `all` stands for every named one but those on request.

        BenchError for two of a name.
        """
        of_all = [plugin for name, plugin in self.plugins.items() if name not in self.on_request]
        chosen: dict[str, Plugin] = {}
        for name in names:
            for plugin in of_all if name == "all" else [self.find(name)]:
                known = chosen.setdefault(plugin.name, plugin)
                if known.reference != plugin.reference:
                    raise BenchError(
                        f"Two {self.kind}s are called '{plugin.name}': {known.reference} and {plugin.reference}; "
                        "rename one."
                    )
        return list(chosen.values())

    def load(self, plugin: Plugin) -> Any:
        """Import a plug-in and return its object."""
        return load_object(plugin, self.kind)


MODEL_REGISTRY = Registry("model", MODELS, "bench.models")
DATASET_REGISTRY = Registry("dataset", DATASETS, "bench.datasets")
METRIC_REGISTRY = Registry("metric", METRICS, "bench.metrics", ON_REQUEST)
