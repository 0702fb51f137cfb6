"""Files of people's own are imported apart: what lies beside one file is found by it alone.

The modules of each folder have a package of their own in `sys.modules`. So two folders may each have a `helper`, and a
folder `models` hides nothing of ours. The statement `import helper` finds it, since each such module has its own
`__import__`, which looks in the folder first.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from bench.plugins.sources import Origin, find_module

PREFIX = "_bench_plugin_"


def as_written(text: str) -> str:
    """A text with the names of such modules as people write them."""
    return re.sub(rf"{PREFIX}\w+", ".", re.sub(rf"{PREFIX}\w+\.", "", text))


@dataclass
class _Imported:
    """What of people's own is imported, or may be."""

    roots: dict[str, Path] = field(default_factory=dict)
    """Of each package: the folder that it stands for."""
    mains: dict[str, Path] = field(default_factory=dict)
    """Module -> file, of those that were asked for."""
    known: set[Path] = field(default_factory=set)
    """Files that are covered by the identity of runs."""
    contents: dict[Path, bytes] = field(default_factory=dict)
    """What was in the files when they were imported."""

    def package_of(self, root: Path) -> str:
        """The package of a folder."""
        package = f"{PREFIX}{hashlib.sha256(str(root).encode()).hexdigest()[:12]}"
        self.roots[package] = root
        return package

    def forget_what_changed(self) -> None:
        """Have all modules imported anew where a file is not what it was."""
        if any(not path.is_file() or path.read_bytes() != content for path, content in self.contents.items()):
            for name in [name for name in sys.modules if name.startswith(PREFIX)]:
                del sys.modules[name]
            self.contents.clear()


_imported = _Imported()


def import_apart(origin: Origin) -> ModuleType:
    """Import a file that is not installed; once, unless it or what it imports from beside it has changed."""
    name = f"{_imported.package_of(origin.root)}.{origin.module}"
    _imported.forget_what_changed()
    _imported.known.update(origin.files())
    _imported.mains[name] = origin.file
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    return importlib.import_module(name)


class _Finder(MetaPathFinder):
    """Finds modules of such folders: files that `Origin.files` knows of, so that a run's identity covers them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        root = _imported.roots.get(package)
        if root is None:
            return None
        file = (_imported.mains.get(fullname) or find_module(root, name)) if name else root
        if file is None or file.is_dir():
            return _folder_spec(fullname, file) if file else None
        if file not in _imported.known:
            raise ImportError(
                f"'{file}' is imported by a name that is made up as the code runs, so that an edit of it would go "
                f"unnoticed; write it as `import {name}`, which may stand inside a function",
                name=fullname,
            )
        loader = _Loader(fullname, str(file), root) if file.suffix == ".py" else None
        inside = [str(file.parent)] if file.stem == "__init__" else None
        return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=inside)


_FINDER = _Finder()


def _folder_spec(name: str, folder: Path) -> ModuleSpec:
    """Of a folder without `__init__.py`, from which modules are imported all the same."""
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return spec


class _Loader(SourceFileLoader):
    """Gives a module its `__import__`. Byte code is neither read nor left: it may be of an edit ago."""

    def __init__(self, name: str, path: str, root: Path) -> None:
        super().__init__(name, path)
        self._root = root

    def get_code(self, fullname: str) -> CodeType:
        content = self.get_data(self.path)
        _imported.contents[Path(self.path)] = content
        return self.source_to_code(content, self.path)

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import_from(self._root)}
        super().exec_module(module)


def _import_from(root: Path) -> Callable[..., Any]:
    """The `__import__` of modules of a folder."""
    home_of = cache(Origin(root, "", root).home_of)

    def import_(
        name: str, globals: Any = None, locals: Any = None, fromlist: Sequence[str] | None = (), level: int = 0
    ) -> Any:
        home = None if level else home_of(name, tuple(fromlist or ()))
        if home is None:
            return __import__(name, globals, locals, fromlist or (), level)
        found = __import__(f"{_imported.package_of(home)}.{name}", globals, locals, fromlist or ())
        return found if fromlist else getattr(found, name.partition(".")[0])

    return import_
