"""YAML that people and command lines give: each key once and a word, values as YAML 1.2 reads them, no references.

YAML 1.1, which the library reads, takes `on` and `no` for booleans, 1:30 for ninety, 010 for eight and 1e-3 for a word.
"""

from __future__ import annotations

import re
from typing import Any

import yaml


class _Strict(yaml.SafeLoader):
    """Plain values only. References are refused: their copies can multiply without end."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - what a word may mean: see PLAIN

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"a reference (*{event.anchor}) stands in it; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key_node, _ in node.value:
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise yaml.YAMLError(f"line {line}: the key {key!r:.80} is no word; write a name, or put it in quotes")
            if key in lines:
                raise yaml.YAMLError(f"line {line}: the key '{key}' stands twice, first in line {lines[key]}")
            lines[key] = line
        return super().construct_mapping(node, deep)


PLAIN = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?[0-9]+[eE][-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
)
"""Type, how it is written without quotes, and the characters it may begin with. Anything else is a word."""

for _type, _written, _first in PLAIN:
    _Strict.add_implicit_resolver(f"tag:yaml.org,2002:{_type}", re.compile(f"^(?:{_written})$"), _first)


def load_yaml(text: str) -> Any:
    """The value of a YAML text.

    Raises
    ------
    yaml.YAMLError, ValueError, RecursionError
        Where it is no YAML, has a key twice or one that is no word, a reference, or is nested without end.
    """
    return yaml.load(text, Loader=_Strict)
