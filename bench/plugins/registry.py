"""From a name, `package.module:Object` or `file.py:Object` to a plug-in; listing imports no plug-in."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.datasets import DATASETS
from bench.errors import BenchError, unknown
from metrics import METRICS
from models import MODELS


@dataclass(frozen=True)
class Plugin:
    """One thing that can be loaded.

    Attributes
    ----------
    name : str
        What boards and run ids call it.
    reference : str
        `package.module:Object` or `path/to/file.py:Object`.
    builtin : bool
        Whether this package ships it.
    """

    name: str
    reference: str
    builtin: bool

    @property
    def target(self) -> str:
        """Module name or file path, without the object."""
        return self.reference.rpartition(":")[0]

    @property
    def source_file(self) -> Path | None:
        """The file that defines it, found without importing it (its parent packages are imported)."""
        if self.target.endswith(".py"):
            return Path(self.target)
        try:
            found = importlib.util.find_spec(self.target)
        except ImportError:
            return None
        return Path(found.origin) if found and found.origin else None

    def checksum(self) -> str | None:
        """SHA-256 of the defining file, part of a plug-in's run ids; None for built-ins, whose commit is recorded."""
        if self.builtin or self.source_file is None:
            return None
        return hashlib.sha256(self.source_file.read_bytes()).hexdigest()

    def summary(self) -> str:
        """First line of the docstring of its module, or of the function for a metric, read as text."""
        tree = self.syntax()
        return (ast.get_docstring(self._function(tree) or tree) or "(no docstring)").partition("\n")[0]

    def syntax(self) -> ast.Module:
        """The file that defines it, parsed; an empty module where there is none."""
        if self.source_file is None or not self.source_file.is_file():
            return ast.Module([], [])
        return _parse(self.source_file.read_text(encoding="utf-8"))

    def _function(self, tree: ast.Module) -> ast.FunctionDef | None:
        name = self.reference.rpartition(":")[2]
        return next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name), None)


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


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
            raise unknown(self.kind, reference, self.plugins, "Or give package.module:Class or file.py:Class.")
        if target.endswith(".py") and not Path(target).is_file():
            raise BenchError(f"No file '{target}' for the {self.kind} '{reference}'; give its path from here.")
        if name in self.plugins:
            raise BenchError(f"'{reference}' has the name of the built-in {self.kind} '{name}'; rename its class.")
        return Plugin(name, reference, False)

    def load(self, plugin: Plugin) -> Any:
        """Import a plug-in and return its object."""
        target, _, name = plugin.reference.rpartition(":")
        try:
            module = _import_file(Path(target)) if target.endswith(".py") else importlib.import_module(target)
        except (Exception, SystemExit) as error:
            raise BenchError(f"{self.kind} '{plugin.reference}' does not import:\n{_own_frames(error)}") from error
        if not hasattr(module, name):
            public = [key for key, value in vars(module).items() if isinstance(value, type) and key[0] != "_"]
            raise unknown("class", name, public, f"(looked in {target})")
        return getattr(module, name)


def _import_file(path: Path) -> ModuleType:
    """Import a file under a name of its own, once per content."""
    path = path.resolve()
    name = f"_bench_plugin_{path.stem}_{hashlib.sha256(str(path).encode() + path.read_bytes()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"Python cannot import '{path}'")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _own_frames(error: BaseException) -> str:
    """The error's traceback without the frames of this file and of the import machinery."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and "importlib" not in frame.filename
    ]
    return "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)]).rstrip()


MODEL_REGISTRY = Registry("model", MODELS, "bench.models")
DATASET_REGISTRY = Registry("dataset", DATASETS, "bench.datasets")
METRIC_REGISTRY = Registry("metric", METRICS, "bench.metrics")
