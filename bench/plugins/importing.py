"""Import of code that is not ours: what it does at import is kept from the rest, and its errors are told as its own."""

from __future__ import annotations

import importlib
import io
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO, cast

from pydantic import PydanticUserError

from bench.errors import BenchError, first_line
from bench.plugins.apart import as_written, import_apart
from bench.plugins.sources import OURS, Origin, find_module, origin_of

MAIN = 'Put what is to happen only when the file is run under `if __name__ == "__main__":`.'

PROCESSES_OF_A_LIBRARY = "multiprocessing.popen_fork"
"""The module whose forks end when their own function has ended: nothing goes on twice."""

_lock = threading.RLock()
"""One plug-in is imported at a time: standard output is the whole process's."""

_importing: list[tuple[int, str]] = []
"""Thread and target of each import that goes on, the innermost last."""


def import_target(target: str, kind: str, reference: str) -> ModuleType:
    """Import a module, or a file by its path. BenchError that shows the plug-in's own frames where that fails."""
    require_importable(target, kind, reference)
    origin = None
    try:
        with _lock, _no_fork(target), _kept_apart(target):
            origin = origin_of(target)
            return import_apart(origin) if origin and not origin.installed else importlib.import_module(target)
    except SystemExit as error:
        raise BenchError(
            f"The {kind} '{reference}': '{target}' ends the process when it is imported. {MAIN}"
        ) from error
    except BenchError:
        raise
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{target}.".startswith(f"{error.name}."):
            raise BenchError(
                f"The {kind} '{reference}' does not import: No module named '{error.name}'; "
                "give package.module:Object of an installed package, or file.py:Object."
            ) from error
        raise BenchError(
            f"The {kind} '{reference}' does not import:\n{_own_frames(error)}{_hint(error, origin)}"
        ) from error


def require_importable(target: str, kind: str, reference: str) -> None:
    """BenchError where a target is a file that is not there, or can be no module."""
    if target.endswith(".py"):
        if not Path(target).is_file():
            raise BenchError(f"No file '{target}' for the {kind} '{reference}'; give its path from here.")
    elif not all(word.isidentifier() for word in target.split(".")):
        raise BenchError(
            f"'{target}' of the {kind} '{reference}' is neither a module nor a file that ends in .py; "
            "give package.module:Object or file.py:Object."
        )


class _Apart:
    """Standard output that keeps what one thread writes while it imports, and passes everything else on.

    A library may hold on to it for good, as a handler of `logging` does.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.thread: int | None = threading.get_ident()
        self.words = io.StringIO()

    def write(self, text: str) -> int:
        """Keep the text, or pass it on."""
        return (self.words if threading.get_ident() == self.thread else self.stream).write(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def _kept_apart(target: str) -> Iterator[None]:
    """Keep from standard output what is printed in the block, and note it on standard error."""
    before = sys.stdout
    apart = _Apart(before)
    replaced = cast(TextIO, apart)
    sys.stdout = replaced
    try:
        yield
    finally:
        apart.thread = None
        if sys.stdout is replaced:
            sys.stdout = before
        if said := apart.words.getvalue():
            print(f"'{target}' printed while it was imported: {first_line(said)!r}. {MAIN}", file=sys.stderr)


@contextmanager
def _no_fork(target: str) -> Iterator[None]:
    """Refuse a fork in the block: two processes would go on, and both write results."""
    _watch_forks()
    _importing.append((threading.get_ident(), target))
    try:
        yield
    finally:
        _importing.pop()


def _refuse(event: str, _: object) -> None:
    """Audit hook: raise where the thread that imports a plug-in forks."""
    if event not in ("os.fork", "os.forkpty") or not _importing:
        return
    thread, target = _importing[-1]
    if thread != threading.get_ident() or sys._getframe(1).f_globals.get("__name__") == PROCESSES_OF_A_LIBRARY:
        return
    raise BenchError(f"'{target}' forks when it is imported. {MAIN}")


_watching: list[bool] = []


def _watch_forks() -> None:
    """Install the audit hook, once: Python cannot take one back."""
    if not _watching:
        _watching.append(True)
        sys.addaudithook(_refuse)


def _own_frames(error: BaseException) -> str:
    """The error's traceback without the frames of this room, of the import machinery and of what makes a Config."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent != Path(__file__).parent
        and "importlib" not in frame.filename
        and "pydantic" not in Path(frame.filename).parts
    ]
    words = "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)])
    return as_written(words).rstrip()


def _hint(error: BaseException, origin: Origin | None) -> str:
    """How a Config declares a field, or a file imports what lies beside it, where it has tried in another way."""
    if isinstance(error, PydanticUserError) and error.code == "model-field-missing-annotation":
        return "\nA hyperparameter has a type: `class MyConfig(GradientConfig): l1: float = 0.1`."
    if not isinstance(error, ImportError) or origin is None:
        return ""
    name = error.name or ""
    if name.partition(".")[0] in OURS and find_module(origin.root, name):
        return f"\n'{name}' is this package's own; to import yours, write `from .{name} import ...`."
    if isinstance(error, ModuleNotFoundError) and find_module(origin.root, as_written(name)):
        return f"\n'{as_written(name)}' lies beside it, and is found by import statements alone, anywhere in the file."
    if "beyond top-level package" in str(error) or name.partition(".")[0] == origin.root.name:
        return "\nA file stands alone: to import from the folders above it, give package.module:Object from up there."
    return ""
