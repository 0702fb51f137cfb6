"""`bench export`: a trained model as a folder that another library opens, with a model card."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import RESULTS
from bench.cli.app import app, say
from bench.cli.options import DataDir, ResultsDir, RunId, path_option
from bench.cli.trust import OwnDatasets, OwnModels, Trusted, trusted_of
from bench.errors import BenchError, unknown

if TYPE_CHECKING:
    from bench.store.record import Record
    from bench.store.runs import RunStore
    from models.exchange.checkpoint import Checkpoint
    from models.exchange.format import Format


@app.command()
def export(
    run_id: RunId,
    format_: Annotated[str, typer.Option("--format", help="saelens, dictionary_learning, sparsify or torch.")],
    out: Annotated[Path, path_option("--out", help="Folder to write; it is to be new, or empty.")],
    hub_layout: Annotated[
        bool, typer.Option("--hub-layout", help="The model in a folder of its own, as model hubs have it.")
    ] = False,
    models: OwnModels = None,
    datasets: OwnDatasets = None,
    results: ResultsDir = RESULTS,
    data_dir: DataDir = Path("data"),
) -> None:
    """Write a run's model for another library, on inputs as they are before normalisation. Nothing is uploaded."""
    from bench.show.card import card
    from bench.store.files import require_new
    from bench.store.runs import RunStore

    store = RunStore(results)
    record, written = store.find(run_id), _written(format_)
    require_new(out, "--out")
    checkpoint, scaled = _checkpoint(record, store, data_dir, trusted_of(models, datasets))
    name = re.sub(r"\W+", "_", record.spec.model).strip("_") if hub_layout else ""
    legend = store.folder(record.run_id).legend()
    _write(out, name, written, checkpoint, card(record, legend, checkpoint.config, written, name, scaled))
    say(f"{record.run_id} as {format_} in {out / name}, with README.md")
    if hub_layout:
        say(f"Next: look at {out / 'README.md'}, say its licence, and: huggingface-cli upload USER/NAME {out} .")


def _written(name: str) -> Format:
    """A format that is written. BenchError for another name."""
    from models.exchange import NAMES, format_of

    formats = {each: found for each in NAMES if (found := format_of(each)).writer}
    if name not in formats:
        raise unknown("--format", name, formats)
    return formats[name]


def _checkpoint(record: Record, store: RunStore, data_dir: Path, trusted: Trusted) -> tuple[Checkpoint, bool]:
    """What a run trained, on the data as they are, and whether its own inputs were normalised. BenchError."""
    from bench.execute.build import load_data, load_trained, require_trained, trusted_spec
    from models.capabilities import Exportable
    from models.exchange.checkpoint import CheckpointError

    require_trained(record)
    spec = trusted_spec(record.spec, *trusted)
    dataset = load_data(spec, data_dir)
    model = load_trained(store.folder(record.run_id), spec, dataset)
    if not isinstance(model, Exportable):
        raise BenchError(
            f"{spec.model} cannot be exported: no other library knows how it encodes. Those that can are sparse "
            "autoencoders with a linear encoder and no negative codes, and matching pursuit; your own by "
            "`as_checkpoint` (models/capabilities.py)."
        )
    scaling = dataset.scaling
    try:
        checkpoint = replace(model.as_checkpoint(), takes_raw=True)
        return (checkpoint.before_scaling(scaling.shift, scaling.scale), True) if scaling else (checkpoint, False)
    except CheckpointError as error:
        raise BenchError(f"{record.run_id} cannot be exported: {error}.") from error


def _write(out: Path, name: str, written: Format, checkpoint: Checkpoint, words: str) -> None:
    """Write the folder, whole or not at all. BenchError where the format cannot hold the model."""
    from bench.store.files import whole_folder
    from models.exchange.checkpoint import CheckpointError

    with whole_folder(out, "--out") as whole:
        (whole / name).mkdir(exist_ok=True)
        try:
            written.write(checkpoint, whole / name)
        except CheckpointError as error:
            raise BenchError(f"It cannot be written as {written.name}: {error}.") from error
        (whole / "README.md").write_text(words, encoding="utf-8")
