"""Plugin: one thing that can be loaded, and what its file says of it without being imported."""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from bench.datasets.place import options_of
from bench.errors import BenchError
from bench.plugins.checkpoints import MODEL, CheckpointPlace, checkpoint_files, checkpoint_place
from bench.plugins.sources import checksums, digest_of, origin_of

Definition = TypeVar("Definition", ast.FunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Plugin:
    """One model, data set or metric."""

    name: str
    """What boards and run ids call it."""
    reference: str
    """`package.module:Object` or `path/to/file.py:Object`; of a data set, with what is asked for: `:normalise=rms`."""
    builtin: bool
    """Whether this package ships it."""
    replicate: int = 0
    """Which of the checkpoints that its reference names."""

    @property
    def checkpoint(self) -> CheckpointPlace | None:
        """Where it is, if it is a model that another library has trained."""
        return checkpoint_place(self.reference)

    @property
    def target(self) -> str:
        """Module name or file path, without the object; of data that are named by their path, that."""
        named = MODEL if self.checkpoint else options_of(self.reference)[0]
        return named.rpartition(":")[0] or named

    @property
    def object_name(self) -> str:
        """The object in it."""
        return (MODEL if self.checkpoint else options_of(self.reference)[0]).rpartition(":")[2]

    @property
    def normalise(self) -> str:
        """How the inputs of a data set are to be normalised; "" for as they are."""
        return options_of(self.reference)[1].get("normalise", "")

    def normalised(self, how: str) -> Plugin:
        """The data set with its inputs normalised: another one, `mnist rms`."""
        return replace(self, name=f"{self.name} {how}", reference=f"{self.reference}:normalise={how}")

    @property
    def family(self) -> str:
        """The words of its file's name."""
        return Path(self.target.removesuffix(".py").replace(".", "/")).name.replace("_", " ")

    @property
    def source_file(self) -> Path | None:
        """The file that defines it, found without importing it (its parent packages are imported)."""
        if self.target.endswith(".py"):
            return Path(self.target)
        origin = origin_of(self.target)
        return origin.file if origin else None

    @property
    def address(self) -> str:
        """Its reference from any folder: with the whole path of a file."""
        is_file = self.target.endswith(".py")
        return os.path.abspath(self.target) + self.reference.removeprefix(self.target) if is_file else self.reference

    def files(self, reads: Sequence[str] = ()) -> dict[str, str]:
        """Path -> SHA-256, of its own file, of what that imports from the same folder or package, and of what it reads.

        Paths count from that folder. Of a built-in it is its own file alone. BenchError where a file that it reads,
        named from its own file, is not there. Of a checkpoint it is the files of that.
        """
        if self.checkpoint:
            files = checkpoint_files(self.checkpoint, self.replicate)
            return checksums(files, files[0].parent)
        origin = origin_of(self.target)
        if origin is None:
            return {}
        if self.builtin:
            return checksums([origin.file], origin.root)
        read = [origin.file.parent / name for name in reads]
        if missing := [path for path in read if not path.is_file()]:
            raise BenchError(
                f"'{self.name}' of {self.target} declares in `reads` a file that is not there, '{missing[0]}'; "
                f"put it there, or name what it reads by paths from the folder of {origin.file.name}."
            )
        return checksums([*origin.files(), *read], origin.root)

    def content(self) -> str:
        """One checksum of all its files; "" where there are none."""
        files = self.files()
        return digest_of(files) if files else ""

    def summary(self) -> str:
        """First line of the docstring of its function or its module, else of its class."""
        tree = self._tree()
        function, cls = self._definition(tree, ast.FunctionDef), self._definition(tree, ast.ClassDef)
        words = ast.get_docstring(function or tree) or (ast.get_docstring(cls) if cls else "")
        return (words or "(no docstring)").partition("\n")[0]

    def about(self) -> str:
        """First line of its module's docstring."""
        return (ast.get_docstring(self._tree()) or "").partition("\n")[0]

    def declared(self) -> dict[str, str | bool | float]:
        """What a metric's decorator states plainly: literals, and names that the file gives a literal."""
        tree = self._tree()
        function = self._definition(tree, ast.FunctionDef)
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
        return {name: word for name, word in words.items() if isinstance(word, str | bool | float)}

    def stated(self, attribute: str) -> str:
        """An attribute of its class that is plain text, as that states it or one that it is derived from; else ""."""
        tree = self._tree()
        cls = self._definition(tree, ast.ClassDef)
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module and not node.level]
        whence = {alias.asname or alias.name: f"{n.module}:{alias.name}" for n in imports for alias in n.names}
        for node in cls.body if cls else []:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(words))):
                    if name == attribute:
                        return words
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(words))):
                    if name == attribute:
                        return words
        for base in cls.bases if cls else []:
            name = ast.unparse(base).partition("[")[0]
            if name != self.object_name or name in whence:
                reference = whence.get(name, f"{self.target}:{name}")
                if words := Plugin(name, reference, self.builtin).stated(attribute):
                    return words
        return ""

    def _tree(self) -> ast.Module:
        file = self.source_file
        try:
            return _parse(file.read_text(encoding="utf-8")) if file else ast.Module([], [])
        except (OSError, ValueError, SyntaxError):
            return ast.Module([], [])

    def _definition(self, tree: ast.Module, kind: type[Definition]) -> Definition | None:
        """The object's own function or class, at the top level of its file."""
        named = (node for node in tree.body if isinstance(node, kind) and node.name == self.object_name)
        return next(named, None)


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)
