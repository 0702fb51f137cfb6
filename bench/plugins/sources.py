"""Sources: the files that a plug-in is made of, found by reading them: its own, and what it imports from beside it.

Imports inside functions count too, so that a run is known by its files before anything of it has been carried out.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import NamedTuple

import bench
from bench.store.files import sha256_of

OURS = ("bench", "models", "metrics", "slurm")
"""This package's own rooms: whoever imports `models.base` means ours, whatever lies beside his file."""
OUR_ROOT = Path(bench.__file__).resolve().parents[1]
LARGE = 2**20
"""Bytes of a file that is not read again while it looks the same."""


class Import(NamedTuple):
    """What one import statement asks for."""

    name: str
    """The module, counted from the root where the statement is relative."""
    items: tuple[str, ...]
    """What is taken from it, which may be modules too."""
    relative: bool
    """Whether it says so with leading dots."""


@dataclass(frozen=True)
class Origin:
    """Where the code of a plug-in is, and which modules beside it are its own."""

    root: Path
    """Folder of its file; of a package, the one that holds the package."""
    module: str
    """Name of its module, counted from there."""
    file: Path
    """The file itself."""
    installed: bool = False
    """Whether Python finds it by its name: then its own are the modules of its package, else all of the root."""

    def home_of(self, name: str, items: Sequence[str] = ()) -> Path | None:
        """The folder below which an absolute import finds a module of its own; None where it means another's.

        As in a script, what lies beside the file comes first; where it is below the working folder, that comes last.
        This package's rooms have the modules that they have, and a folder that is no package gives way to a package.
        """
        if self.installed:
            return self.root if name.partition(".")[0] == self.module.partition(".")[0] else None
        here = Path.cwd()
        above = [here] if here in self.root.parents else []
        return next((root for root in (self.root, *above) if _is_in(root, name, items, root in above)), None)

    def files(self) -> list[Path]:
        """Its file, the packages that it is in, and those of its own that these import, in order of their names."""
        found: set[Path] = set()
        left = [(self.root, self.module, self.file), *_modules(self.root, Import(self.module, (), True))]
        while left:
            root, module, file = left.pop()
            if file in found:
                continue
            found.add(file)
            package = module if file.stem == "__init__" else module.rpartition(".")[0]
            for each in _imports(file.read_bytes(), package) if file.suffix == ".py" else ():
                home = root if each.relative else replace(self, root=root).home_of(each.name, each.items)
                left += _modules(home, each) if home else ()
        return sorted(found)


def _is_in(root: Path, name: str, items: Sequence[str], last: bool) -> bool:
    """Whether an import means a module below a root: of those that Python finds too, only a file that comes first."""
    top = name.partition(".")[0]
    if top in OURS:
        taken = [_is_only_in(root, f"{name}.{item}") for item in items]
        return _is_only_in(root, name) or (bool(taken) and all(taken))
    found = find_module(root, top)
    return found is not None and ((found.is_file() and not last) or not _is_known(top))


def _is_only_in(root: Path, name: str) -> bool:
    return find_module(root, name) is not None and find_module(OUR_ROOT, name) is None


def _modules(root: Path, wanted: Import) -> Iterator[tuple[Path, str, Path]]:
    """Root, name and file of a module, of the packages that it is in, and of the modules that are taken from it."""
    words = wanted.name.split(".") if wanted.name else []
    names = [".".join(words[: n + 1]) for n in range(len(words))]
    for name in names + [".".join([*words, item]) for item in wanted.items]:
        found = find_module(root, name)
        if found and found.is_file():
            yield root, name, found


def origin_of(target: str) -> Origin | None:
    """Where the code of a file, or of a module, is; None where there is none. Its parent packages may be imported.

    A module that Python does not find is looked for below the working folder.
    """
    if target.endswith(".py"):
        file = Path(target).resolve()
        return Origin(file.parent, file.stem.replace(".", "_"), file) if file.is_file() else None
    try:
        spec = importlib.util.find_spec(target)
    except (ImportError, ValueError):
        spec = None
    found = Path(spec.origin) if spec and spec.has_location and spec.origin else None
    if found:
        depth = target.count(".") + (found.stem == "__init__")
        return Origin(found.parents[depth], target, found, installed=True)
    beside = find_module(Path.cwd(), target)
    return Origin(Path.cwd(), target, beside) if beside and beside.is_file() else None


def find_module(root: Path, name: str) -> Path | None:
    """The file of a module below a root; the folder of a package that has no file; None where there is neither."""
    place = root.joinpath(*name.split("."))
    files = [place / "__init__.py", *(place.with_name(f"{place.name}{end}") for end in (*EXTENSION_SUFFIXES, ".py"))]
    return next((file for file in files if file.is_file()), place if place.is_dir() else None)


def _is_known(top: str) -> bool:
    """Whether Python finds a module of this name without us, and more than a mere folder."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return True
    return spec is not None and spec.origin is not None


@cache
def _imports(text: bytes, package: str) -> list[Import]:
    """All imports of a file; none where it is no Python: importing it says so."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, (), False) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".") if package else []
            kept = above[: max(0, len(above) - node.level + 1)] if node.level else []
            name = ".".join([*kept, *([node.module] if node.module else [])])
            found.append(Import(name, tuple(alias.name for alias in node.names), node.level > 0))
    return found


def checksums(files: Sequence[Path], root: Path) -> dict[str, str]:
    """Path from the root -> SHA-256 of the content, for each file. Raises OSError."""
    return {Path(os.path.relpath(file, root)).as_posix(): _sha256(file) for file in files}


def _sha256(file: Path) -> str:
    """Of a large file, such as weights, once for each state of it: it is asked for with each run."""
    status = file.stat()
    if status.st_size < LARGE:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    return _sha256_in_state(file, status.st_size, status.st_mtime_ns, status.st_ino)


@cache
def _sha256_in_state(file: Path, *state: int) -> str:
    return sha256_of(file)


def digest_of(files: Mapping[str, str]) -> str:
    """One checksum for the checksums of some files: that of a single file is its own."""
    if len(files) == 1:
        return next(iter(files.values()))
    return hashlib.sha256(json.dumps(dict(files), sort_keys=True).encode()).hexdigest()
