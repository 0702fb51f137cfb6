"""Extraction: batch after batch through a backbone, what its layers return into folders. Interrupted, it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from bench.activations.backbones import LIBRARIES, Wanted, load_backbone
from bench.activations.feeding import Source, passes
from bench.activations.inputs import read_inputs
from bench.activations.layers import (
    POOLS,
    described,
    first_outputs,
    names_of,
    probe,
    require_layers,
    rows_of,
    watched,
)
from bench.activations.preparing import Tokens
from bench.activations.shards import Folder
from bench.datasets.extracted import Manifest
from bench.datasets.progress import followed
from bench.errors import BenchError, Interrupted, unknown
from bench.store.files import require_writable
from bench.store.lock import Lock, LockLostError, acquire, describe, read_owner
from slurm import worker

SHARD_BYTES = 64 * 2**20
"""A shard is written when the rows of a layer take as much: what an interruption costs at most, and memory."""
DTYPES = ("float16", "float32")


@dataclass(frozen=True)
class Request:
    """What is to be extracted from what."""

    backbone: Wanted
    """The network."""
    inputs: str
    """A folder of images, a file of texts, or the name of a data set."""
    data_dir: Path
    """Where data sets are."""
    limit: int | None = None
    """Samples at most, evenly spread."""
    layers: Sequence[str] = ()
    """Modules whose outputs are wanted."""
    pool: str = "mean"
    """One of `POOLS`."""
    dtype: str = "float32"
    """Of the arrays on disk: one of `DTYPES`."""
    batch_size: int = 32
    """Samples at a time."""
    device: str = "cpu"
    """Where the network runs."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of what makes the numbers; for the manifest."""

    def __post_init__(self) -> None:
        for option, value, valid in (("--pool", self.pool, POOLS), ("--dtype", self.dtype, DTYPES)):
            if value not in valid:
                raise unknown(option, value, valid)
        if doubled := {layer for layer in self.layers if list(self.layers).count(layer) > 1}:
            raise BenchError(f"--layer {doubled.pop()} stands twice; each layer once.")


def load(request: Request) -> Source:
    """The network and the inputs of a request. BenchError where there are none."""
    backbone = load_backbone(request.backbone)
    require_layers(backbone.network, request.layers)
    preparing = backbone.preparing
    inputs = read_inputs(request.inputs, request.data_dir, preparing if isinstance(preparing, Tokens) else None)
    device = torch.device(request.device)
    backbone.network.to(device)
    return Source(backbone, inputs.spread(request.limit), device)


def layers_of(source: Source) -> list[tuple[str, str, str]]:
    """Name, class and output's shape of each layer, for one sample; '' for the shape of one that is not called."""
    names = names_of(source.backbone.network)
    returned = probe(source.backbone.network, names, source.first())
    modules = dict(source.backbone.network.named_modules())
    shapes = {name: described(outputs[0]).replace("(2, ", "(B, ") for name, outputs in returned.items()}
    return [(name, type(modules[name]).__name__, shapes.get(name, "")) for name in names]


def extract(request: Request, source: Source, out: Path, stop: Callable[[], bool] | None = None) -> list[Folder]:
    """Write the activations of each layer: of one into `out`, of several into a folder each below it.

    Parameters
    ----------
    stop : callable, optional
        Whether to leave off, asked after each batch. For a job of a cluster, which also waits for a folder in use: it
        may be its own from before, on a node that has died.

    Raises
    ------
    BenchError
        A layer returns something else than hidden states, the folder holds or gets other activations, or the disk is
        full.
    Interrupted
        Ctrl-C, or as `stop` says: what is on disk stays, and the same call goes on from there.
    """
    manifests = _manifests(request, source)
    with _alone(out, stop) as lock:
        folders = _folders(manifests, out)
        done = min(len(folder.manifest.shards) for folder in folders.values())
        for folder in folders.values():
            folder.go_back_to(done)
        if not all(folder.manifest.complete for folder in folders.values()):
            _fill(request, source, folders, lock, stop or (lambda: False))
    return list(folders.values())


def folders_of(request: Request, source: Source, out: Path) -> list[Folder]:
    """The folder of each layer, as far as it is. BenchError for all that `extract` refuses before it extracts."""
    manifests = _manifests(request, source)
    with _alone(out):
        return list(_folders(manifests, out).values())


def place_of(out: Path, layer: str, layers: Sequence[str]) -> Path:
    """Where the activations of one of some layers are."""
    return out if len(layers) == 1 else out / layer


def lock_of(out: Path) -> Path:
    """The lock that whoever writes activations there holds."""
    return out / ".lock"


def _folders(manifests: Mapping[str, Manifest], out: Path) -> dict[str, Folder]:
    layers = list(manifests)
    return {layer: Folder(place_of(out, layer, layers), manifest) for layer, manifest in manifests.items()}


@contextmanager
def _alone(out: Path, stop: Callable[[], bool] | None = None) -> Iterator[Lock]:
    """Hold the folder's lock. BenchError where another process does, unless it is to be waited for."""
    require_writable(out, "--out")
    path = lock_of(out)
    while (lock := acquire(path, str(worker.describe().get("job", "")))) is None:
        owner = describe(read_owner(path))
        if stop is None:
            raise BenchError(f"'{out}' is being written by {owner}; wait, or name another with --out.")
        if stop():
            raise Interrupted(f"'{out}' is being written by {owner}.")
        time.sleep(1)
    try:
        yield lock
    except LockLostError as error:
        raise BenchError(f"This process was silent too long, and another writes now ({error}).") from error
    finally:
        lock.release()


def _manifests(request: Request, source: Source) -> dict[str, Manifest]:
    """What is to be in the folder of each layer, by what it returns for the first sample."""
    batch = source.first()
    outputs = first_outputs(probe(source.backbone.network, request.layers, batch), request.layers, batch)
    rows = {layer: rows_of(output, batch.mask, request.pool).values for layer, output in outputs.items()}
    weights = source.backbone.weights()
    return {
        layer: _manifest(request, source, weights, layer, outputs[layer], rows[layer].shape[1])
        for layer in request.layers
    }


def _manifest(request: Request, source: Source, weights: str, layer: str, output: Tensor, width: int) -> Manifest:
    inputs = source.inputs
    kind = request.backbone.reference.partition(":")[0]
    library = {LIBRARIES[kind]: version(LIBRARIES[kind])} if kind in LIBRARIES else {}
    row = "token" if isinstance(source.backbone.preparing, Tokens) else "patch"
    return Manifest.model_validate(
        {
            "backbone": request.backbone.reference,
            "weights": weights,
            "code": source.backbone.code,
            "layer": layer,
            "pool": request.pool,
            "preprocessing": source.backbone.preparing.described,
            "inputs": request.inputs,
            "inputs_checksum": inputs.checksum,
            "limit": request.limit,
            "dtype": request.dtype,
            "row": row if request.pool == "none" and output.ndim > 2 else "sample",
            "width": width,
            "output_shape": list(output.shape[1:]),
            "class_names": list(inputs.class_names),
            "categories": list(inputs.categories) if inputs.categories else None,
            "splits": inputs.splits,
            "samples": len(inputs),
            "batch_size": request.batch_size,
            "versions": {**request.versions, **library, "device": request.device},
        }
    )


def _fill(
    request: Request, source: Source, folders: Mapping[str, Folder], lock: Lock, stop: Callable[[], bool]
) -> None:
    """Write what is missing. Batches begin where a shard ended, so that they are the same in whatever way it ended.

    Told to stop, it writes a shard first if it has written none: a time limit may be shorter than a shard takes.
    """
    first, n = next(iter(folders.values())), len(source.inputs)
    done = first.n_samples
    starts = range(done, n, request.batch_size)
    lock.note(done / n)
    try:
        with watched(source.backbone.network, request.layers, whole=False) as returned:
            manifests = {layer: folder.manifest for layer, folder in folders.items()}
            taken = passes(source, starts, returned, manifests)
            reported = followed(f"extracting with {request.backbone.reference}", taken, len(starts))
            for start, rows in zip(starts, reported, strict=True):
                for layer, folder in folders.items():
                    folder.add(*rows[layer])
                lock.note(min(1.0, (start + request.batch_size) / n))
                stopped, full = stop(), max(folder.waiting for folder in folders.values()) >= SHARD_BYTES
                if full or (stopped and first.n_samples == done):
                    lock.require()
                    for folder in folders.values():
                        folder.end_shard()
                if stopped:
                    raise KeyboardInterrupt
        lock.require()
        for folder in folders.values():
            folder.finish()
    except KeyboardInterrupt:
        kept = min(folder.n_samples for folder in folders.values())
        raise Interrupted(f"{kept:,} of {n:,} samples are kept; the same command goes on from there.") from None
