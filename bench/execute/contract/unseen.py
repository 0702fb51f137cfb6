"""What a model holds where torch does not look: layers in a list are on no device, in no file, and never trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

OF_TORCH = vars(nn.Module()).keys()
"""Attributes of every module: those that torch keeps parameters and submodules in are among them."""


def flaw_of_layers(model: nn.Module) -> str:
    """Which layers or tensors that are to be trained torch does not see, and what to do; "" where there are none."""
    seen = {id(each) for each in (*model.modules(), *model.parameters())}
    for prefix, module in model.named_modules():
        for name, value in vars(module).items():
            if name not in OF_TORCH and (unseen := next(_trainable(value, seen), None)) is not None:
                place = f"{prefix}.{name}" if prefix else name
                return f"{place} holds {_remedy(unseen, isinstance(value, Mapping))}."
    return ""


def _trainable(value: Any, seen: set[int]) -> Iterator[Tensor | nn.Module]:
    """Modules and tensors that ask for a gradient, in a value and the lists, tuples and mappings in it, once each."""
    if id(value) in seen:
        return
    if isinstance(value, Tensor):
        if value.requires_grad and value.is_leaf:  # what is made of parameters is no parameter
            yield value
    elif isinstance(value, nn.Module):
        if any(parameter.requires_grad and id(parameter) not in seen for parameter in value.parameters()):
            yield value
    elif isinstance(value, Mapping | list | tuple | set):
        parts: Iterable[Any] = value.values() if isinstance(value, Mapping) else value
        for part in parts:
            yield from _trainable(part, seen | {id(value)})


def _remedy(unseen: Tensor | nn.Module, named: bool) -> str:
    """What is held, and what to put it into."""
    kind, one = ("modules", "Module") if isinstance(unseen, nn.Module) else ("tensors", "Parameter")
    use = f"nn.{one}{'Dict' if named else 'List'}"
    if one == "Parameter":
        use = f"nn.Parameter, of several in {use}"
    return f"{kind} that torch does not see, so that they are never trained: use {use}"
