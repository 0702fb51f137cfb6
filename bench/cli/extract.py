"""`bench extract`: the activations of a network, as a data set."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import RESULTS
from bench.cli.app import app, say
from bench.cli.options import DataDir, DeviceName, ProfileName, ProfileValues, ResultsDir, path_option
from bench.errors import BenchError, counted, unknown

if TYPE_CHECKING:
    from bench.activations.extract import Request
    from bench.activations.shards import Folder


EXECUTORS = ("inline", "slurm")
"""Where an extraction runs."""


@app.command()
def extract(
    backbone: Annotated[
        str, typer.Option(help="timm:NAME, torchvision:NAME, hf:NAME_OR_FOLDER (or a .gguf) or file.py:function.")
    ],
    inputs: Annotated[str, typer.Option(help="Folder of images; .csv or .jsonl of texts; .txt; or a data set's name.")],
    layer: Annotated[list[str] | None, typer.Option(help="A module by its name; again for more.")] = None,
    layers: Annotated[bool, typer.Option("--layers", help="List all modules with what they return, and stop.")] = False,
    out: Annotated[
        Path | None, path_option(help="Folder for the activations; of several layers, a folder each.")
    ] = None,
    weights: Annotated[
        Path | None, path_option(help="File of weights: .safetensors, or one of torch that holds no code.")
    ] = None,
    pool: Annotated[
        str, typer.Option(help="Tokens or patches: mean, cls (first), last or none (a row each).")
    ] = "mean",
    dtype: Annotated[str, typer.Option(help="On disk: float32 or float16.")] = "float32",
    limit: Annotated[int | None, typer.Option(min=1, help="Samples at most, evenly spread over the inputs.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples at a time.")] = 32,
    image_size: Annotated[int | None, typer.Option(min=1, help="Pixels a side; default: the backbone's own.")] = None,
    context: Annotated[
        int | None, typer.Option(min=8, help="Tokens of a text at most; default: the backbone's own, up to 512.")
    ] = None,
    device: DeviceName = "auto",
    data_dir: DataDir = Path("data"),
    executor: Annotated[str, typer.Option(help="inline (here) or slurm (as one job).")] = "inline",
    profile: ProfileName = "cpu",
    slurm: ProfileValues = None,
    results: ResultsDir = RESULTS,
) -> None:
    """Write what layers of a network return for images or texts, for --datasets. Issue it again to resume."""
    if bool(layer) == layers:
        raise BenchError("Name a layer with --layer MODULE.NAME, or list them with --layers.")
    if layer and out is None:
        raise BenchError("Name a folder for the activations: --out DIR.")
    if executor not in EXECUTORS:
        raise unknown("--executor", executor, EXECUTORS)
    from bench.activations.backbones import Wanted
    from bench.activations.extract import Request
    from bench.execute.console import following_data
    from bench.show.printing import make_console

    request = Request(
        Wanted(backbone, weights, image_size, context), inputs, data_dir, limit, tuple(layer or ()), pool, dtype,
        batch_size, device,
    )  # fmt: skip
    with following_data(make_console()):
        if executor == "slurm" and out and layer:
            _hand_over(request, out, results, profile, slurm or ())
        else:
            _extract(request, out)


def _extract(request: Request, out: Path | None) -> None:
    """Extract here, or list the layers of a request that names none."""
    from bench.activations.extract import extract, layers_of, load
    from bench.execute.dispatch import choose_device
    from bench.execute.environment import software

    request = replace(request, device=choose_device(request.device), versions=software().versions)
    source = load(request)
    if out is None or not request.layers:
        _print_layers(layers_of(source))
        return
    for folder in extract(request, source, out):
        _print_folder(folder)


def _hand_over(request: Request, out: Path, results: Path, profile: str, changes: Sequence[str]) -> None:
    """Submit it as a job, and say so; of one that is complete, print what is there."""
    from bench.cluster.extraction import hand_over
    from bench.cluster.profiles import load_profile
    from bench.cluster.submit import Layout, Slurm
    from bench.show.printing import results_flag

    asked = load_profile(profile, changes)
    device = Slurm(asked, Layout(), wait=False).choose_device(request.device)
    folders, said = hand_over(replace(request, device=device), out, results, asked)
    if said:
        say(f"{said} Where it is: python -m bench status{results_flag(results)}")
        return
    for folder in folders:
        _print_folder(folder)


def _print_layers(rows: list[tuple[str, str, str]]) -> None:
    from bench.show.fitting import room, table

    say(table(("layer", "module", "returns"), [list(row) for row in rows], room()))


def _print_folder(folder: Folder) -> None:
    """What is in a folder, what is not, and what one does with it."""
    from bench.datasets.extracted import samples_in

    manifest, path = folder.manifest, folder.path
    samples = list(samples_in(path, manifest))
    rows = sum(sample.rows for sample in samples)
    what = f"{counted(rows, 'row')} of {manifest.width} numbers ({manifest.dtype}), each of a {manifest.row}"
    say(f"{path}: {manifest.layer}, {what}, of {counted(len(samples), 'sample')}.")
    if unread := [sample for sample in samples if sample.problem]:
        say(f"  {counted(len(unread), 'image')} left out: '{unread[0].name}' does not open ({unread[0].problem}).")
    if longer := [sample for sample in samples if sample.left_out]:
        n = sum(sample.left_out for sample in longer)
        say(f"  {counted(len(longer), 'text')} longer than the context: {counted(n, 'token')} left out.")
    place = path if path.is_absolute() else f"./{path}"
    say(f"Next: python -m bench run --models topk,mp,pca --datasets {shlex.quote(str(place))}")
