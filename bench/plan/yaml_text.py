"""YAML that people and command lines give: each key once, no references, whose copies can multiply without end."""

from __future__ import annotations

from typing import Any

import yaml


class _Strict(yaml.SafeLoader):
    """Plain values only."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"a reference (*{event.anchor}) stands in it; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if isinstance(key, str | int | float | bool | None) and key in lines:
                raise yaml.YAMLError(f"line {line}: the key '{key}' stands twice, first in line {lines[key]}")
            lines[key if isinstance(key, str | int | float | bool | None) else str(key)] = line
        return super().construct_mapping(node, deep)


def load_yaml(text: str) -> Any:
    """The value of a YAML text.

    Raises
    ------
    yaml.YAMLError, ValueError, RecursionError
        Where it is no YAML, has a key twice, a reference, or is nested without end.
    """
    return yaml.load(text, Loader=_Strict)
