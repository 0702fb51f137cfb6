"""`bench.extract`: the activations of a network, as data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from bench.activations import extract as extraction
from bench.activations.backbones import Wanted
from bench.api.arguments import data_folder
from bench.api.arrays import settings_restored
from bench.errors import BenchError, unknown
from bench.execute.dispatch import choose_device
from bench.execute.environment import software
from bench.store.files import expanded


class Options(TypedDict, total=False):
    """What else may be asked for."""

    weights: Path | str
    """A file of weights, in place of the published ones."""
    image_size: int
    """Pixels a side; by default the network's own."""
    context: int
    """Tokens of a text at most; by default the network's own, up to 512."""
    limit: int
    """Samples at most, evenly spread over the inputs."""
    pool: str
    """Of tokens or patches: "mean", "cls", "last" or "none"."""
    dtype: str
    """On disk: "float32" or "float16"."""
    batch_size: int
    """Samples at a time."""


def extract(
    backbone: str,
    inputs: Path | str,
    layer: str | Sequence[str],
    out: Path | str,
    *,
    device: str = "auto",
    data_dir: Path | str | None = None,
    **options: Unpack[Options],
) -> list[str]:
    """Write what layers of a network return for images or texts. The same call goes on where it was interrupted.

    Parameters
    ----------
    backbone : str
        "timm:NAME", "torchvision:NAME", "hf:NAME_OR_FOLDER" or "file.py:function".
    inputs : path
        A folder of images, a file of texts, or the name of a data set.
    layer : str or sequence of str
        Modules of the network, by their names.
    out : path
        The folder that is written; of several layers, a folder each below it.
    device, data_dir : optional
        As for `bench.run`.
    **options
        weights, image_size, context, limit, pool, dtype, batch_size: see `Options`.

    Returns
    -------
    list of str
        The folder of each layer: data sets for `bench.run`.

    Raises
    ------
    BenchError
        There is no such network, layer or input, or the folder holds other activations.

    Examples
    --------
    >>> import bench, pathlib
    >>> code = "from torch import nn\\ndef network():\\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5))"
    >>> _ = pathlib.Path("net.py").write_text(code)
    >>> folders = bench.extract("./net.py:network", "digits", "1", "acts", limit=300)
    >>> table = bench.run("pca", folders, 1, budget="smoke", metrics="fvu", results="own", verbose=False)
    >>> table.dataset.tolist()
    ['acts']
    """
    layers, given = (layer,) if isinstance(layer, str) else tuple(layer), _checked(backbone, options)
    weights = given.pop("weights", None)
    of_backbone = {name: given.pop(name) for name in ("image_size", "context") if name in given}
    wanted = Wanted(backbone, weights and expanded(Path(weights)), **of_backbone)
    where: dict[str, Any] = {
        "data_dir": data_folder(data_dir),
        "device": choose_device(str(device)),
        "versions": software().versions,
    }
    request = extraction.Request(wanted, str(inputs), layers=layers, **where, **given)
    with settings_restored():
        folders = extraction.extract(request, extraction.load(request), expanded(Path(out)))
    return [str(folder.path.absolute()) for folder in folders]


def _checked(backbone: object, options: Options) -> dict[str, Any]:
    """The options. BenchError for a network in place of its name, an option that there is not, and no samples."""
    if not isinstance(backbone, str):
        raise BenchError(f"backbone is {type(backbone).__name__}: name what makes it, './net.py:network'.")
    for name in options:
        if name not in Options.__annotations__:
            raise unknown("option of bench.extract", name, Options.__annotations__)
    if (limit := options.get("limit")) is not None and limit < 1:
        raise BenchError(f"limit = {limit}: give a number of samples, 1 or more.")
    return dict[str, Any](options)
