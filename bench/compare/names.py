"""Names: models of different people that are called the same are told apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from bench.store.record import Record
from bench.store.spec import CHECKPOINT, RunSpec

MOST_LETTERS = 60
"""Of a path in a name."""

Make = tuple[str | None, str]
"""Code and reference of a model."""


def told_apart(records: Sequence[Record]) -> list[Record]:
    """The records; where several people's models have one name, each has its file in the name, else its checksum.

    It is another model where both its code and its place differ: an edited one, or one that was moved, is what it was.
    Runs that were told apart by lab when they were merged have their lab in the name.
    """
    records = [_of_lab(record) for record in records]
    makes: dict[str, dict[Make, None]] = defaultdict(dict)
    for record in sorted(records, key=lambda record: record.provenance.end):
        makes[record.spec.model][record.spec.code, record.spec.model_reference] = None
    marks = {model: _marks(list(known)) for model, known in makes.items() if len(known) > 1}
    return [_marked(record, marks[record.spec.model]) if record.spec.model in marks else record for record in records]


def _of_lab(record: Record) -> Record:
    spec = record.spec
    if not spec.lab or spec.model != without_lab(spec):
        return record
    return record.model_copy(update={"spec": spec.model_copy(update={"model": f"{spec.model} ({spec.lab})"})})


def without_lab(spec: RunSpec) -> str:
    """The model's own name."""
    return spec.model.removesuffix(f" ({spec.lab})") if spec.lab else spec.model


def _marked(record: Record, marks: Mapping[Make, str]) -> Record:
    mark = marks.get((record.spec.code, record.spec.model_reference))
    if not mark:
        return record
    spec = record.spec.model_copy(update={"model": f"{record.spec.model} ({mark})"})
    return record.model_copy(update={"spec": spec})


def _marks(makes: Sequence[Make]) -> dict[Make, str]:
    """What tells the models among these apart, which have one name; nothing where they are one. The newest is last."""
    models = _models(makes)
    if len(models) == 1:
        return {}
    marks = _ends([model[-1][1] for model in models]) or [(model[-1][0] or "built in")[:8] for model in models]
    return {make: mark for model, mark in zip(models, marks, strict=True) for make in model}


def _models(makes: Sequence[Make]) -> list[list[Make]]:
    """Makes by what they are of: two with the same code, or in the same place, are of one model."""
    above: dict[tuple[str, str | None], tuple[str, str | None]] = {}

    def top(key: tuple[str, str | None]) -> tuple[str, str | None]:
        while above.setdefault(key, key) != key:
            above[key] = key = above[above[key]]
        return key

    for code, place in makes:
        above[top(("code", code))] = top(("place", place))
    models: dict[tuple[str, str | None], list[Make]] = defaultdict(list)
    for code, place in makes:
        models[top(("place", place))].append((code, place))
    return list(models.values())


def _ends(references: Sequence[str]) -> list[str]:
    """The shortest ends of the paths of some files that differ: 'a/my.py' and 'b/my.py'; [] where none are short."""
    paths = [PurePath(_path(reference)).parts for reference in references]
    for n in range(1, max(map(len, paths)) + 1):
        ends = ["/".join(path[-n:]) for path in paths]
        if max(map(len, ends)) > MOST_LETTERS:
            break
        if len(set(ends)) == len(ends):
            return ends
    return []


def _path(reference: str) -> str:
    """What of a reference is a path: of `sae:PATH` all, of `FILE:OBJECT` the file."""
    if reference.startswith(CHECKPOINT):
        return reference.removeprefix(CHECKPOINT)
    return reference.rpartition(":")[0]
