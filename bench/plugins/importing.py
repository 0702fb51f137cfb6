"""Import of code that is not ours: what it does at import is kept from the rest, and its errors are told as its own."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import io
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType

from bench.errors import BenchError, first_line

MAIN = 'Put what is to happen only when the file is run under `if __name__ == "__main__":`.'


def import_target(target: str, kind: str, reference: str) -> ModuleType:
    """Import a module, or a file by its path. BenchError that shows the plug-in's own frames where that fails."""
    words = io.StringIO()
    try:
        with _no_fork(target), redirect_stdout(words), redirect_stderr(words):
            return _import_file(Path(target)) if target.endswith(".py") else importlib.import_module(target)
    except SystemExit as error:
        raise BenchError(f"{kind} '{reference}': '{target}' ends the process when it is imported. {MAIN}") from error
    except BenchError:
        raise
    except Exception as error:
        raise BenchError(f"{kind} '{reference}' does not import:\n{_own_frames(error)}") from error
    finally:
        if said := words.getvalue():
            print(f"'{target}' printed while it was imported: {first_line(said)!r}. {MAIN}", file=sys.stderr)


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


_importing: dict[int, str] = {}
"""Thread -> the target that it is importing."""


@contextmanager
def _no_fork(target: str) -> Iterator[None]:
    """Refuse a fork in the block: two processes would go on, and both write results."""
    _watch_forks()
    thread = threading.get_ident()
    before = _importing.get(thread)
    _importing[thread] = target
    try:
        yield
    finally:
        if before is None:
            del _importing[thread]
        else:
            _importing[thread] = before


def _refuse(event: str, _: object) -> None:
    if event in ("os.fork", "os.forkpty") and (target := _importing.get(threading.get_ident())):
        raise BenchError(f"'{target}' forks when it is imported. {MAIN}")


_watching: list[bool] = []


def _watch_forks() -> None:
    """Install the audit hook, once: Python cannot take one back."""
    if not _watching:
        _watching.append(True)
        sys.addaudithook(_refuse)


def _own_frames(error: BaseException) -> str:
    """The error's traceback without the frames of this file and of the import machinery."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and "importlib" not in frame.filename
    ]
    return "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)]).rstrip()
