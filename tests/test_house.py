"""How the code is kept: sizes, and a line of documentation for every public name and every field."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("bench", "models", "metrics", "slurm")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
MOST_LINES, MEDIAN_LINES = 450, 120
MOST_FUNCTION_LINES = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in FILES:
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def is_public(name: str) -> bool:
    return not name.startswith("_")


def test_no_file_is_long_and_most_are_short() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: n for name, n in lines.items() if n > MOST_LINES} == {}
    assert median(lines.values()) <= MEDIAN_LINES


def test_no_function_is_long() -> None:
    """Signature and docstring included."""
    long = {
        f"{name}:{function.name}": n
        for name, tree in trees()
        for function in functions(tree)
        if (n := (function.end_lineno or 0) - function.lineno + 1) > MOST_FUNCTION_LINES
    }
    assert long == {}


def documented_methods() -> set[str]:
    """Names of methods that some class documents: one that overrides it need not say it again."""
    return {
        method.name
        for _, tree in trees()
        for cls in classes(tree)
        for method in cls.body
        if isinstance(method, Function) and ast.get_docstring(method)
    }


def test_every_public_name_has_a_docstring() -> None:
    inherited = documented_methods()
    bare = []
    for name, tree in trees():
        bare += [] if ast.get_docstring(tree) else [name]
        scopes: list[ast.Module | ast.ClassDef] = [tree, *(cls for cls in classes(tree) if is_public(cls.name))]
        for scope in scopes:
            for node in scope.body:
                if not isinstance(node, Function | ast.ClassDef) or not is_public(node.name):
                    continue
                is_method = isinstance(scope, ast.ClassDef) and isinstance(node, Function)
                if not ast.get_docstring(node) and not (is_method and node.name in inherited):
                    bare.append(f"{name}:{node.name}")
    assert bare == []


RECORD_BASES = {"BaseModel", "NamedTuple"}
FIELD_CALLS = {"Field"}


def has_fields(cls: ast.ClassDef) -> bool:
    """Whether it is a dataclass, a NamedTuple or a pydantic model (its own bases, or a name that ends as theirs)."""
    bases = {ast.unparse(base).partition("[")[0] for base in cls.bases}
    decorators = {ast.unparse(each).partition("(")[0] for each in cls.decorator_list}
    return bool(bases & RECORD_BASES) or "dataclass" in decorators or any(base.endswith("Config") for base in bases)


def undocumented_fields(cls: ast.ClassDef) -> Iterator[str]:
    for node, following in zip(cls.body, [*cls.body[1:], None], strict=True):
        if (
            not isinstance(node, ast.AnnAssign)
            or not isinstance(node.target, ast.Name)
            or not is_public(node.target.id)
        ):
            continue
        call = node.value
        in_field = isinstance(call, ast.Call) and any(key.arg == "description" for key in call.keywords)
        below = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        if not (in_field or below):
            yield node.target.id


def test_every_field_of_a_record_has_a_line_below_it() -> None:
    bare = [
        f"{name}:{cls.name}.{field}"
        for name, tree in trees()
        for cls in classes(tree)
        if is_public(cls.name) and has_fields(cls)
        for field in undocumented_fields(cls)
    ]
    assert bare == []


@pytest.mark.parametrize("room", ["plan", "execute", "store", "compare", "claims", "cluster", "plugins", "cli", "api"])
def test_rooms_name_no_metric(room: str) -> None:
    """What a figure, a table or a verb must know of a metric stands in the metric's declaration."""
    from metrics import METRICS

    allowed = "bench/claims/catalogue"  # the papers' claims are about certain metrics
    named = {
        f"{path.relative_to(ROOT)}: {node.value}"
        for path in (ROOT / "bench" / room).rglob("*.py")
        if allowed not in path.as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in METRICS
    }
    assert named == set()
