"""Plugin: one thing that can be loaded, and what its file says of it without being imported."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Plugin:
    """One model, data set or metric."""

    name: str
    """What boards and run ids call it."""
    reference: str
    """`package.module:Object` or `path/to/file.py:Object`."""
    builtin: bool
    """Whether this package ships it."""

    @property
    def target(self) -> str:
        """Module name or file path, without the object."""
        return self.reference.rpartition(":")[0]

    @property
    def object_name(self) -> str:
        """The object in it."""
        return self.reference.rpartition(":")[2]

    @property
    def family(self) -> str:
        """The words of its file's name."""
        return Path(self.target.removesuffix(".py").replace(".", "/")).name.replace("_", " ")

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

    def content(self) -> str | None:
        """SHA-256 of the defining file; None where there is none."""
        file = self.source_file
        if not (file and file.is_file()):
            return None
        status = file.stat()
        return _sha256(file, status.st_mtime_ns, status.st_size)

    def checksum(self) -> str | None:
        """That of a plug-in, part of its run ids; None for a built-in, whose commit is recorded."""
        return None if self.builtin else self.content()

    def summary(self) -> str:
        """First line of the docstring of its module, or of the function for a metric."""
        tree = self._tree()
        return (ast.get_docstring(self._function(tree) or tree) or "(no docstring)").partition("\n")[0]

    def declared(self) -> dict[str, str]:
        """What a metric's decorator states as plain words: literals, and names that the file gives a literal."""
        tree = self._tree()
        function = self._function(tree)
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        calls = [call for call in (function.decorator_list if function else []) if isinstance(call, ast.Call)]
        stated = {key.arg: key.value for call in calls for key in call.keywords if key.arg}
        words = {name: value.value for name, value in stated.items() if isinstance(value, ast.Constant)}
        words |= {name: constants.get(value.id) for name, value in stated.items() if isinstance(value, ast.Name)}
        return {name: word for name, word in words.items() if isinstance(word, str)}

    def _tree(self) -> ast.Module:
        file = self.source_file
        try:
            return _parse(file.read_text(encoding="utf-8")) if file else ast.Module([], [])
        except (OSError, ValueError, SyntaxError):
            return ast.Module([], [])

    def _function(self, tree: ast.Module) -> ast.FunctionDef | None:
        named = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == self.object_name)
        return next(named, None)


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def _sha256(file: Path, _changed: int, _size: int) -> str:
    """Of a file as it is: one that was written since is read again."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
