"""Labs: what one calls itself, and who ran what in a folder that was merged from several.

DIR/lab.txt     a line: the lab's own name; without it, it is called as its folder is
DIR/labs.json   in a merged folder: each run's labs, and what a reader should know
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, StringConstraints, ValidationError

from bench.errors import BenchError
from bench.store.files import is_there, read_regular, write_text
from bench.store.folder import RunFolder
from bench.store.parsing import MOST_BYTES as MOST_RECORD
from bench.store.record import Provenance, Record
from bench.store.runs import RunStore
from bench.store.weights import read_weights, write_weights

NAME_FILE, LABS_FILE = "lab.txt", "labs.json"
MOST_LETTERS = 60
"""Of a lab's name."""
MOST_BYTES = 64 * 2**20
"""Of labs.json: a run of a lab takes 1 kB."""


class Source(BaseModel):
    """A run as a lab had it."""

    lab: Annotated[str, StringConstraints(max_length=MOST_LETTERS)]
    """What the lab calls itself."""
    run_id: str
    """What the run was called there."""
    digest: str
    """Of the lab's record, as it was sealed there."""
    provenance: Provenance
    """How the lab made it."""


class Labs(BaseModel):
    """Who ran what, as `labs.json`. It is a claim, as records are."""

    runs: dict[str, list[Source]] = {}
    """Run id -> the lab whose record it is, then those that found the same numbers."""
    notes: list[str] = []
    """What a reader should know: where labs differ, and what was left out."""

    @property
    def names(self) -> list[str]:
        """The labs, in the order in which they were merged."""
        return list(dict.fromkeys(source.lab for sources in self.runs.values() for source in sources))


def read_labs(root: Path) -> Labs:
    """Who ran what; nothing in a folder that was not merged, a note alone where that cannot be read."""
    path = root / LABS_FILE
    if not is_there(path):
        return Labs()
    try:
        return Labs.model_validate_json(read_regular(path, MOST_BYTES))
    except (OSError, ValidationError):
        return Labs(notes=[f"{LABS_FILE} cannot be read: who ran what is not known; merge the labs' folders again."])


def write_labs(root: Path, labs: Labs) -> None:
    """Leave word of who ran what."""
    write_text(root / LABS_FILE, labs.model_dump_json(indent=1))


def name_of(root: Path) -> str:
    """What a lab calls itself. BenchError where that is no name."""
    path = root / NAME_FILE
    if not is_there(path):
        return root.resolve().name
    try:
        name = read_regular(path, 4 * MOST_LETTERS + 2).decode("utf-8").strip()
    except (OSError, ValueError) as error:
        raise BenchError(f"'{path}' cannot be read ({error}); write the lab's name there, in one line.") from error
    if not name.isprintable() or not 0 < len(name) <= MOST_LETTERS:
        raise BenchError(
            f"'{path}' says {name!r:.120}, which is no name; write one line of 1 to {MOST_LETTERS} characters that can "
            "be printed."
        )
    return name


def keep(theirs: RunFolder, record: Record, store: RunStore) -> None:
    """Copy a run into a store: as it is, bit for bit; sealed again where `record` has an id of its own.

    Raises OSError, and BenchError where the copy is not what the lab has sealed.
    """
    with store.claim(record.run_id) as run:
        assert run is not None  # nobody else knows of the store
        for name in theirs.checksums():
            run.write(run.path / name, partial(shutil.copyfile, theirs.path / name))
        run.write(run.record_path, partial(shutil.copyfile, theirs.record_path))
        sealed = Record.model_validate_json(read_regular(run.record_path, MOST_RECORD))
        if sealed.digest != record.digest or run.problems(sealed):
            raise BenchError(f"'{theirs.path}' was changed while it was copied; issue the command again.")
        if record.run_id != theirs.run_id:
            if "weights.safetensors" in record.files:  # they say which run they are of
                weights = read_weights(run.path / "weights.safetensors", theirs.run_id)
                run.write(run.path / "weights.safetensors", lambda path: write_weights(path, weights, run.run_id))
            run.write_record(record)
        elif record.error:
            write_text(run.path / "error.log", record.error.traceback)
