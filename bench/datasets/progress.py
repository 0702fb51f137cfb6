"""What a data set tells of work that takes a while; who listens is not its concern."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Listener = Callable[[str, float], None]
"""Told what is done, and how much of it is, in [0, 1]: 0 first, 1 last."""

Item = TypeVar("Item")


def _say(what: str, share: float) -> None:
    if share == 0:
        print(f"{what} ...", file=sys.stderr, flush=True)


_listener: ContextVar[Listener] = ContextVar("listener", default=_say)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Tell this listener inside the block; outside of any, one line goes to standard error."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def followed(what: str, items: Iterable[Item], total: int) -> Iterator[Item]:
    """The items, and word of each to whoever listens."""
    tell = _listener.get()
    tell(what, 0.0)
    for done, item in enumerate(items, 1):
        yield item
        tell(what, done / total)
