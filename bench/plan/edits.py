"""Edits: which files changed since runs were made that are otherwise those of a plan. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bench.errors import clipped, counted
from bench.store.record import Record
from bench.store.spec import IMPLIED, RunSpec

MOST_FILES = 5
"""That are named."""


def edits(todo: Sequence[RunSpec], records: Sequence[Record]) -> list[str]:
    """What makes runs new that were made before: 'helper.py changed since 3 of these runs were made'."""
    models = {spec.model for spec in todo}
    alike = sorted((r for r in records if r.spec.model in models), key=lambda record: record.provenance.end)
    known, earlier = {record.run_id for record in alike}, {_but_for_edits(r.spec): r.spec for r in alike}
    counts: Counter[str] = Counter()
    for spec in todo:
        before = earlier.get(_but_for_edits(spec))
        if before and spec.run_id not in known:
            counts.update(_differences(before, spec))
    lines = [
        f"{clipped(words)} since {n} of these runs {'was' if n == 1 else 'were'} made" for words, n in counts.items()
    ]
    more = [f"and {counted(len(lines) - MOST_FILES, 'more change')}"] if len(lines) > MOST_FILES else []
    return lines[:MOST_FILES] + more


def _but_for_edits(spec: RunSpec) -> str:
    """What two runs have in common where people think of them as one."""
    return json.dumps(spec.model_dump(mode="json", exclude={"code", "dataset_checksum"} | IMPLIED), sort_keys=True)


def _differences(before: RunSpec, now: RunSpec) -> list[str]:
    """'helper.py changed', 'noise.py was added', 'the data of digits changed'; none where the record does not tell."""
    files = (before.model_files, now.model_files), (before.dataset_files, now.dataset_files)
    found = list(dict.fromkeys(words for pair in files for words in _of_files(*pair)))
    if before.dataset_checksum != now.dataset_checksum and before.dataset_files == now.dataset_files:
        found.append(f"the data of {now.dataset} changed")
    return found


def _of_files(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys()) if before and now else ():
        if name not in before:
            yield f"{name} was added"
        elif name not in now:
            yield f"{name} was left out"
        elif before[name] != now[name]:
            yield f"{name} changed"
