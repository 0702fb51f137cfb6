"""A plug-in must not change what it is given: other models and metrics are measured on the same tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from bench.plugins.loading import forget_datasets


class ChangedInputError(Exception):
    """A plug-in has changed what it was given, in place."""


@contextmanager
def intact(who: str, values: Mapping[str, Any]) -> Iterator[None]:
    """Raise ChangedInputError where a tensor of `values` is changed inside the block, by torch's own count of changes.

    The data sets of this process are then read again by whoever needs them.
    """
    before = {name: (value, value._version) for name, value in values.items() if isinstance(value, Tensor)}
    try:
        yield
    finally:
        changed = [name for name, (value, version) in before.items() if value._version != version]
        if changed:
            forget_datasets()
            raise ChangedInputError(
                f"{who} changes {', '.join(changed)} in place, on which others are measured: work on a copy, "
                f"{changed[0]}.clone()."
            )
