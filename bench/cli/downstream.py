"""What `bench evaluate --downstream` needs: of each run on activations, the network that they are of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError, counted

if TYPE_CHECKING:
    from bench.activations.site import Named
    from bench.cli.trust import Trusted
    from bench.datasets.extracted import Manifest
    from bench.execute.assess import Measure
    from bench.execute.job import Job
    from bench.store.record import Record
    from bench.store.spec import RunSpec


def measures_of(
    records: Sequence[Record], chosen: bool, trusted: Trusted, named: Named, job: Job
) -> dict[str, Measure]:
    """Run id -> what measures its model in its network. Everything is checked before any run is evaluated.

    Parameters
    ----------
    chosen : bool
        Whether each run was named: then one that is not on activations is an error, else it is left out.

    Raises
    ------
    BenchError
        A network, layer or inputs are not those that the activations were made of, or there is no such run.
    """
    measures: dict[str, Measure] = {}
    opened: dict[str, Measure] = {}
    for record in records:
        try:
            spec, folder, manifest = _activations_of(record, trusted)
        except BenchError:
            if chosen:
                raise
            continue
        if spec.dataset_reference not in opened:
            opened[spec.dataset_reference] = _open(spec, folder, manifest, named, job)
        measures[record.run_id] = opened[spec.dataset_reference]
    if not measures:
        raise BenchError(
            f"None of {counted(len(records), 'run')} is on activations that --datasets names: give the folder that "
            "`bench extract` wrote, --datasets ./FOLDER."
        )
    return measures


def _activations_of(record: Record, trusted: Trusted) -> tuple[RunSpec, Path, Manifest]:
    """The spec of a run with its data set as it lies here, the folder of that, and its manifest."""
    from bench.datasets.extracted import read_manifest
    from bench.datasets.place import place_of
    from bench.execute.build import trusted_spec

    spec = trusted_spec(record.spec, *trusted)
    place = place_of(spec.dataset_reference)
    if place is None or (manifest := read_manifest(place.path)) is None:
        raise BenchError(f"{record.run_id} is on '{spec.dataset}', which is no folder that `bench extract` wrote.")
    return spec, place.path, manifest


def _open(spec: RunSpec, folder: Path, manifest: Manifest, named: Named, job: Job) -> Measure:
    from bench.activations.backbones import LOADERS
    from bench.activations.downstream import effects
    from bench.activations.site import open_site
    from bench.datasets.place import options_of
    from bench.execute.build import load_data

    code = {
        "backbone": manifest.backbone if manifest.backbone.partition(":")[0] not in LOADERS else "",
        "inputs": manifest.inputs if ":" in options_of(manifest.inputs)[0] else "",
    }
    for option, reference in code.items():
        if reference and getattr(named, option) is None:
            raise BenchError(
                f"The {option} of '{folder}' is code, '{reference}', and what a manifest names is not run unless you "
                f"name it too: --{option} {reference}"
            )
    return partial(effects, open_site(folder, manifest, named, load_data(spec, job.data_dir), job.data_dir, job.device))
