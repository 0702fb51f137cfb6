"""What several metrics are made of is computed once."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar

Result = TypeVar("Result")
"""What a function returns."""

REMEMBERED = 4
"""Last results that a function remembers: for the codes, gamma, and which units are on, of one evaluation."""


class _Call(NamedTuple):
    """A call that is remembered; its arguments live no longer for it."""

    arguments: list[weakref.ref[Any]]
    """What it was called with."""
    versions: list[int]
    """How often each had been changed in place."""
    result: Any
    """What it returned."""


def once(function: Callable[..., Result]) -> Callable[..., Result]:
    """A function of tensors and CSR arrays that returns what it returned, if it is called again with the same objects.

    Equal objects are not the same, nor is a tensor that was changed in place. A CSR array or a result is never changed.
    """
    calls: deque[_Call] = deque(maxlen=REMEMBERED)

    @wraps(function)
    def remembering(*arguments: Any) -> Result:
        versions = [getattr(argument, "_version", 0) for argument in arguments]
        for call in calls:
            known = [reference() for reference in call.arguments]
            if call.versions == versions and all(a is b for a, b in zip(known, arguments, strict=True)):
                return call.result  # type: ignore[no-any-return]
        result = function(*arguments)
        calls.append(_Call([weakref.ref(argument) for argument in arguments], versions, result))
        return result

    return remembering
