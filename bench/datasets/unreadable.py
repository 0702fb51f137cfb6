"""What is said of a file of data that cannot be read."""

from __future__ import annotations

from pathlib import Path

from bench.errors import BenchError, first_line

CODE = ("pickle", "python objects", "weights_only")
"""In what libraries say of objects that could run code, and are not read."""
DAMAGED = ("header", "zip", "truncated", "magic bytes", "reshape", "no data left", "invalid argument")
"""In what they say of files that end too early."""


def unreadable(path: Path, error: Exception) -> BenchError:
    """Why a file cannot be read, and what to do, by what a library says."""
    words = first_line(str(error)).rstrip(".")
    if any(word in words.lower() for word in CODE):
        words = "it holds pickled objects, which could run code: save plain numbers, as x.astype('float32') has them"
    elif any(word in words.lower() for word in DAMAGED):
        words = f"it is cut short or damaged ({words}); copy or save it again"
    return BenchError(f"'{path}' cannot be read: {words}.")
