"""The folder of a layer while it is written: shards one after the other, each of them whole or not there."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.datasets.extracted import MANIFEST, Manifest, Sample, Shard, read_manifest, samples_in, shard_name
from bench.errors import BenchError
from bench.store.files import require_writable, sweep, write_atomically, write_text

MADE_HERE = {"versions", "batch_size", "shards", "complete"}
"""Fields of a manifest that may differ where an extraction goes on."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None)
"""Of a full disk; numpy, which writes less than it should then, gives none."""


class Folder:
    """The activations of one layer on disk. Its writer holds the lock of the extraction.

    Parameters
    ----------
    path : Path
        The folder; made where it is not there.
    manifest : Manifest
        What is to be in it. Where an extraction of the same is there, it goes on.

    Raises
    ------
    BenchError
        The folder cannot be written, or holds something else.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest
        self._values: list[np.ndarray] = []
        self._samples: list[Sample] = []
        require_writable(path, "--out")
        sweep(path / "*")
        if before := read_manifest(path):
            if differing := _differences(before, manifest):
                raise BenchError(
                    f"'{path}' holds other activations: {'; '.join(differing)}. Name another folder with --out, or "
                    "remove this one."
                )
            self.manifest = before
        elif strange := [each.name for each in path.iterdir() if not each.name.startswith((".", "shard-"))]:
            raise BenchError(f"'{path}' holds other things ('{strange[0]}'); name a new folder with --out.")

    def go_back_to(self, n_shards: int) -> None:
        """Forget all but the first shards: those of several layers are written in step."""
        if n_shards < len(self.manifest.shards):
            self.manifest.shards[n_shards:] = []
            self.manifest.complete = False
            self._save()

    def add(self, values: np.ndarray, samples: Sequence[Sample]) -> None:
        """Take the rows of some samples (R, D); they are on disk after the next `end_shard`."""
        self._values.append(values)
        self._samples += samples

    @property
    def n_samples(self) -> int:
        """Samples that are on disk."""
        return sum(shard.samples for shard in self.manifest.shards)

    @property
    def waiting(self) -> int:
        """Bytes that are not on disk yet."""
        return sum(values.nbytes for values in self._values)

    def end_shard(self) -> None:
        """Write what was added as a shard. BenchError where the disk is full: then the shards before it stay."""
        number, values = len(self.manifest.shards), np.concatenate(self._values)
        lines = "".join(sample.model_dump_json(exclude_defaults=True) + "\n" for sample in self._samples)
        self._write(shard_name(number), values)
        try:
            write_text(self.path / shard_name(number, ".jsonl"), lines)
        except OSError as error:
            raise self._refused(error) from error
        self.manifest.shards.append(Shard(rows=len(values), samples=len(self._samples)))
        self._save()
        self._values, self._samples = [], []

    def finish(self) -> None:
        """Write the last shard and what names each row, and mark the folder as complete."""
        if self._samples:
            self.end_shard()
        counts, labels = [], []
        for sample in samples_in(self.path, self.manifest):
            counts.append(sample.rows)
            labels.append(sample.label)
        of_row = np.repeat(np.arange(len(counts)), counts)
        first = np.cumsum([0, *counts[:-1]])
        self._write("labels.npy", np.array(labels, np.int64)[of_row])
        self._write("sample.npy", of_row)
        self._write("position.npy", np.arange(len(of_row)) - first[of_row])
        self.manifest.complete = True
        self._save()

    def _write(self, name: str, array: np.ndarray) -> None:
        def save(path: Path) -> None:
            with path.open("wb") as file:
                np.save(file, array, allow_pickle=False)

        try:
            write_atomically(self.path / name, save)
        except OSError as error:
            raise self._refused(error) from error

    def _save(self) -> None:
        try:
            write_text(self.path / MANIFEST, self.manifest.model_dump_json(indent=1))
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> BenchError:
        remedy = "make room" if error.errno in FULL else "mend that"
        return BenchError(
            f"'{self.path}' cannot be written ({error.strerror or error}). {self.n_samples:,} of "
            f"{self.manifest.samples:,} samples are kept: {remedy}, and issue the same command to go on."
        )


def _differences(before: Manifest, now: Manifest) -> list[str]:
    """ "layer 'a', not 'b'", for each field in which two manifests ask for different activations."""
    old, new = (manifest.model_dump(exclude=MADE_HERE) for manifest in (before, now))
    return [f"{key} {_short(old[key])}, not {_short(new[key])}" for key in old if old[key] != new[key]]


def _short(value: object) -> str:
    return f"{value!r:.60}"
