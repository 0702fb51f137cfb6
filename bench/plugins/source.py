"""What the file of a plug-in says of it, read as text: to import it for a few words would load torch.

Only what is stated plainly is read. Where it is not, the answer is None, and the caller imports.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from bench.plugins.registry import Plugin
from metrics.base import MetricInfo, metric

Statement = TypeVar("Statement", bound=ast.stmt)


def metric_info(plugin: Plugin) -> MetricInfo | None:
    """What the decorator of a metric says; None for a decorator other than ours, or with words that are computed."""
    tree = _tree(plugin)
    function = _only(tree, plugin.reference.rpartition(":")[2], ast.FunctionDef)
    calls = function.decorator_list if function else []
    if len(calls) != 1 or not isinstance(calls[0], ast.Call) or calls[0].args or not _is_metric(tree, calls[0].func):
        return None
    stated = {key.arg: _constant(tree, key.value) for key in calls[0].keywords if key.arg}
    if len(stated) < len(calls[0].keywords) or None in stated.values():
        return None
    try:
        info = metric(**stated)(lambda: 0.0).info  # type: ignore[attr-defined]
    except TypeError:
        return None
    return info if isinstance(info, MetricInfo) else None


def metric_source(plugin: Plugin) -> str:
    """Where the definition of a metric comes from, as its decorator says; "" for what has none, as models."""
    tree = _tree(plugin)
    function = _only(tree, plugin.reference.rpartition(":")[2], ast.FunctionDef)
    calls = [call for call in function.decorator_list if isinstance(call, ast.Call)] if function else []
    stated = [_constant(tree, key.value) for call in calls for key in call.keywords if key.arg == "source"]
    return next((str(source) for source in stated if source is not None), "")


def class_names(plugin: Plugin) -> tuple[str, ...] | None:
    """The classes that a data set's source names, () where it names none; None where the text does not tell."""
    return _class_names(_tree(plugin), plugin.reference.rpartition(":")[2])


def _class_names(tree: ast.Module, name: str) -> tuple[str, ...] | None:
    if name == "DatasetSource" and _imported(tree, name, "bench.datasets.base"):
        return ()
    cls = _only(tree, name, ast.ClassDef)
    if cls is None or cls.decorator_list or cls.keywords:
        return None
    stated = [statement for statement in _statements(cls.body) if "class_names" in _bound(statement)]
    if len(stated) == 1 and isinstance(stated[0], ast.Assign | ast.AnnAssign) and stated[0].value:
        try:
            names = ast.literal_eval(stated[0].value)
        except ValueError:
            return None
        return tuple(map(str, names)) if isinstance(names, tuple | list) else ()
    if stated or len(cls.bases) != 1 or not isinstance(cls.bases[0], ast.Name):
        return None
    before = [statement for statement in tree.body if statement.lineno < cls.lineno]  # a class is no base of itself
    return _class_names(ast.Module(before, []), cls.bases[0].id)


def _tree(plugin: Plugin) -> ast.Module:
    try:
        return plugin.syntax()
    except (OSError, ValueError, SyntaxError):
        return ast.Module([], [])


def _is_metric(tree: ast.Module, function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id == "metric" and _imported(tree, "metric", "metrics.base")


def _imported(tree: ast.Module, name: str, module: str) -> bool:
    """Whether a name is what a module calls so, and nothing else."""
    found = _only(tree, name, ast.ImportFrom)
    return found is not None and found.module == module and name in {a.name for a in found.names if a.asname is None}


def _constant(tree: ast.Module, node: ast.expr) -> Any:
    """The value of a literal, or of a name that the module gives one once; None for all else."""
    if isinstance(node, ast.Name):
        assigned = _only(tree, node.id, ast.Assign)
        simple = assigned and all(isinstance(target, ast.Name) for target in assigned.targets)
        node = assigned.value if assigned and simple else node
    return node.value if isinstance(node, ast.Constant) else None


def _only(tree: ast.Module, name: str, kind: type[Statement]) -> Statement | None:
    """The one statement of a module that binds a name, if it is of this kind and not within another."""
    binding = [statement for statement in _statements(tree.body) if {name, "*"} & _bound(statement)]
    found = binding[0] if len(binding) == 1 else None
    return found if isinstance(found, kind) and found in tree.body else None


def _statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Statements and those within them, but not those of functions and classes, whose names are their own."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _statements([child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)])


def _bound(statement: ast.AST) -> set[str]:
    """The names that a statement gives a meaning."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    own = [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.expr)]
    names = [node for child in own for node in ast.walk(child) if isinstance(node, ast.Name)]
    return {node.id for node in names if not isinstance(node.ctx, ast.Load)}
