"""Records from bytes that may come from anybody: what is odd is named, and nothing in it is believed or obeyed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from bench.errors import counted, describe_validation, first_line
from bench.store.files import no_permission, read_regular
from bench.store.record import READABLE_SCHEMAS, SCHEMA_VERSION, Record

MOST_BYTES = 4 * 2**20
"""Of a record: a usual one has 10 kB, a traceback at most 100 kB."""

SPACES = b" \t\r\n"
"""What may stand between a key and its colon."""
CONTAINERS = frozenset({dict, list})


class UnreadableRecord(Exception):
    """A record that is truncated, damaged, changed, of another schema or of another run. It is named and left alone."""


def parse_record(path: Path) -> Record:
    """The record in a file of a run's folder. Raises UnreadableRecord."""
    try:
        if path.parent.is_symlink():
            raise UnreadableRecord("the run's folder is a link; runs are kept in the results folder itself")
        content = _values(read_regular(path, MOST_BYTES))
    except PermissionError as error:
        raise UnreadableRecord(no_permission(path)) from error
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableRecord(f"truncated or not a record ({error})") from error
    return _validate(content, path.parent.name)


def _values(text: bytes) -> Any:
    """What JSON holds. Pydantic's reader is fast and keeps a word that recurs once; what it refuses, json decides."""
    try:
        values = from_json(text)
    except ValueError:
        values = json.loads(text.decode("utf-8"))
    n_keys = text.translate(None, SPACES).count(b'":')
    if n_keys != _count_keys(values):  # a word may hold what looks like a key: look closely
        json.loads(text.decode("utf-8"), object_pairs_hook=_unique)
    return values


def _count_keys(value: Any) -> int:
    """Keys of all mappings in a value; quick, since it looks at every number of every record."""
    within = value.values() if type(value) is dict else value if type(value) is list else ()
    count = len(value) if type(value) is dict else 0
    if not CONTAINERS.isdisjoint(map(type, within)):
        count += sum(_count_keys(each) for each in within if type(each) in CONTAINERS)
    return count


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping; ValueError where a key stands twice, and readers would differ in which value counts."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r:.80} stands twice")
    return values


def _validate(content: Any, run_id: str) -> Record:
    try:
        version = content["schema_version"]
    except (KeyError, TypeError) as error:
        raise UnreadableRecord(f"truncated or not a record ({error})") from error
    if version not in READABLE_SCHEMAS:
        raise UnreadableRecord(f"schema {version!r:.20}, this version reads up to {SCHEMA_VERSION}; update bench")
    try:
        record = Record.model_validate(content)
    except ValidationError as error:
        first = first_line(describe_validation("", error))
        raise UnreadableRecord(f"{counted(error.error_count(), 'invalid field')}, first {first}") from error
    if record.run_id != run_id:
        raise UnreadableRecord(f"the record of another run, {record.run_id:.120}; delete the copy")
    try:
        spec_id = record.spec.run_id
    except (ValueError, RecursionError) as error:
        raise UnreadableRecord(f"its spec cannot be written as JSON ({error})") from error
    if spec_id != run_id:
        raise UnreadableRecord(f"its spec is that of another run, {spec_id:.120}")
    if record.digest and record.compute_digest() != record.digest:
        raise UnreadableRecord("changed after it was written: its digest is of other content")
    return record
