"""What a check is, and how checks are run: what one raises is a problem in words, never a traceback."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from bench.errors import BenchError, describe_validation, message_of
from bench.plugins.plugin import Plugin
from models.base import ModelConfig

S = TypeVar("S")
"""What is checked."""


class Outcome(NamedTuple):
    """What one check says."""

    what: str
    """What was tried, in words."""
    problem: str = ""
    """What is wrong, and how to mend it; "" where nothing is."""


class Check(NamedTuple, Generic[S]):
    """A check, and those that make sense only where it passes."""

    function: Callable[[S], str | None]
    """Returns the problem, "" where nothing is wrong, None where there is nothing to try. Its docstring says what."""
    then: Sequence[Check[S]] = ()
    """Checks that follow where nothing is wrong."""

    @property
    def what(self) -> str:
        """What it tries: the first line of its docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0].rstrip(".")


def run_checks(checks: Iterable[Check[S]], subject: S, plugin: Plugin) -> list[Outcome]:
    """Run checks of a plug-in's object, and what follows from each that finds nothing wrong."""
    outcomes = []
    for check in checks:
        problem = _problem(check, subject, plugin)
        if problem is not None:
            outcomes.append(Outcome(check.what, problem))
        if not problem:
            outcomes += run_checks(check.then, subject, plugin)
    return outcomes


def _problem(check: Check[S], subject: S, plugin: Plugin) -> str | None:
    try:
        return check.function(subject)
    except (Exception, SystemExit) as error:  # the code is anybody's
        return described(error, plugin)


def described(error: BaseException, plugin: Plugin) -> str:
    """An error in words: type, message, and the line of the plug-in's file where it was raised, if it was there."""
    message = message_of(error)
    if isinstance(error, BenchError):
        return message
    if isinstance(error, ValidationError):
        return f"{describe_validation(error.title, error)}.".replace("\n", ". ")
    name = type(error).__name__
    words = f"{name}: {message}" if message else f"{name}"
    return words + place("".join(traceback.format_exception(error)), plugin) + _undeclared(error)


def _undeclared(error: BaseException) -> str:
    """How a Config gets the field that a model asks it for; "" for another error."""
    if not isinstance(error, AttributeError) or not isinstance(error.obj, ModelConfig):
        return ""
    base = type(error.obj).__name__
    return f". Declare it: `class MyConfig({base}): {error.name}: float = 0.1`, and `Config = MyConfig` in the model."


def place(trace: str, plugin: Plugin) -> str:
    """' (line 12 of mine.py)': the innermost line of the plug-in's file in a traceback; "" where there is none."""
    file = plugin.source_file
    if file is None:
        return ""
    lines = [
        number
        for name, number in re.findall(r'^  File "(.+)", line (\d+)', trace, re.MULTILINE)
        if Path(name) == file.resolve() or Path(name) == file
    ]
    return f" (line {lines[-1]} of {file.name})" if lines else ""


def listed(words: Iterable[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def form_of(value: object) -> str:
    """The dtype and shape of an array, or the type of what is none, in words: 'torch.int64 (3, 4)'."""
    return f"{getattr(value, 'dtype', type(value).__name__)} {tuple(getattr(value, 'shape', ()))}"
