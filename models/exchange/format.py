"""What a format of checkpoints is: which files it has, how they are read, and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from models.exchange.checkpoint import Checkpoint, CheckpointError, ImportedConfig
from models.exchange.reading import read_config
from models.exchange.writing import write_config

INPUTS, RAW = "inputs", "raw"
"""What is added to the config of a checkpoint that takes the data as they are; other libraries overlook it."""


class Format(NamedTuple):
    """How one library keeps its sparse autoencoders."""

    name: str
    """As the command line names it."""
    files: tuple[str, ...]
    """Names of the files of a folder, all of which must be there, the config first; none for one of single files."""
    reader: Callable[[Sequence[Path], Mapping[str, str]], Checkpoint]
    """From these files, and what was said beside their path, to a checkpoint. Raises CheckpointError."""
    writer: Callable[[Checkpoint, Path], None] | None = None
    """Writes a checkpoint into an empty folder. Raises CheckpointError for one that the format cannot hold."""
    suffixes: tuple[str, ...] = ()
    """Ends of the names of single files."""
    options: tuple[str, ...] = ()
    """What may be said beside a path, as `:NAME=VALUE`."""
    opening: Callable[[ImportedConfig], str] = lambda config: ""
    """Lines of Python that open a folder `DIR` with a checkpoint of this config, and encode inputs `x`."""

    @property
    def looked_for(self) -> str:
        """'cfg.json and sae.safetensors in a folder'."""
        folder = f"{' and '.join(self.files)} in a folder"
        return folder if self.files else f"a file that ends in {', '.join(self.suffixes)}"

    def paths(self, path: Path) -> tuple[Path, ...]:
        """The files of a checkpoint at a path, which may name one of them; none where it is of another format."""
        if not self.files:
            return (path,) if path.suffix in self.suffixes and path.is_file() else ()
        folder = path.parent if path.name in self.files else path
        files = tuple(folder / name for name in self.files)
        return files if all(file.is_file() for file in files) else ()

    def read(self, paths: Sequence[Path], options: Mapping[str, str]) -> Checkpoint:
        """The checkpoint in some files. CheckpointError, which names them."""
        for key in options:
            if key not in self.options:
                valid = f"valid are {', '.join(self.options)}" if self.options else "it has none"
                raise CheckpointError(f"option '{key}' of the format {self.name}: {valid}")
        try:
            checkpoint = self.reader(paths, options)
            return replace(checkpoint, takes_raw=bool(self.files) and read_config(paths[0]).get(INPUTS) == RAW)
        except (ValueError, TypeError, OverflowError) as error:  # a config, which is anybody's, holds any type
            words = error if isinstance(error, CheckpointError) else f"it holds what does not belong there: {error}"
            place = paths[0].parent if self.files else paths[0]
            raise CheckpointError(f"'{place}', read as {self.name}: {words}") from error

    def write(self, checkpoint: Checkpoint, folder: Path) -> None:
        """Write a checkpoint into an empty folder. CheckpointError for one that the format cannot hold."""
        if self.writer is None:
            raise CheckpointError(f"{self.name} has no format of its own; write another")
        self.writer(checkpoint, folder)
        if checkpoint.takes_raw:
            config = folder / self.files[0]
            write_config(config, read_config(config) | {INPUTS: RAW})
