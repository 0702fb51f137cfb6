"""Small PNG sheets of a trained model, made at run time and embedded in a page: what no table shows.

Pixels for pixels, in at most 64 colours; the labels of rows and columns are words in the file, for a page to write.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bench.datasets.base import Dataset, Split
from bench.errors import first_line
from bench.execute import views
from bench.execute.traversing import traversals
from bench.execute.views import View
from bench.show.captions import png_text
from bench.show.figures import images
from bench.show.figures.sheets import mosaic
from metrics.matrix import evenly_spaced
from models.base import Model

MAX_BYTES = 60_000
MAX_SAMPLES = 2000
"""Evenly spaced samples on which units are counted; the sheets show a few."""

MIN_SIDE = 240
"""Pixels that a sheet is wide, at least, where enlarging it by whole numbers can do it."""

COLOURS = 64


def pictures(model: Model, dataset: Dataset, split: Split | None = None) -> tuple[dict[str, bytes], dict[str, str]]:
    """PNG files by name, at most 60 kB each: reconstructions, and where the model has them atoms and traversals.

    reconstructions: inputs above outputs, a column a class. atoms: the 100 that are used most, most used first, blue
    below zero and red above. traversals: a unit a row; the input, without the unit, then over its own values.

    Parameters
    ----------
    split : Split, optional
        What is drawn; the test split by default.

    Returns
    -------
    tuple of dict
        The files, and of the sheets that cannot be drawn (a plug-in's decoder raises, say) the reasons.
    """
    chosen = dataset.test if split is None else split
    view = views.view_of(model, dataset, chosen.take(evenly_spaced(len(chosen), MAX_SAMPLES)))
    drawn: dict[str, bytes] = {}
    failed: dict[str, str] = {}
    for name, draw in {"reconstructions": _reconstructions, "traversals": _traversals, "atoms": _atoms}.items():
        try:
            png = draw(view)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {first_line(str(error))}"
        else:
            if png:
                drawn[name] = png
    return drawn, failed


def _reconstructions(view: View) -> bytes:
    x, x_hat, names = views.reconstructed(view)
    return _png(np.stack([x, x_hat]), view.dataset.image_shape, *images.input_colours(x), ("input", "output"), names)


def _traversals(view: View) -> bytes | None:
    varied = traversals(view)
    if varied is None:
        return None
    values = np.concatenate([varied.x[:, None], varied.decoded], axis=1)
    colours = images.input_colours(view.split.x.cpu().numpy())
    return _png(values, view.dataset.image_shape, *colours, varied.labels, ("input", *varied.steps))


def _atoms(view: View) -> bytes | None:
    if "atoms" not in view.given:
        return None
    shape = view.dataset.image_shape
    values, _ = images.atom_sheet(views.numbers(view.given["atoms"]), views.use(view), shape)
    return _png(values, shape, *images.atom_colours(values))


def _png(
    values: np.ndarray,
    image_shape: Sequence[int],
    limits: tuple[float, float],
    signed: bool,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> bytes:
    """A sheet (R, S, D) as a PNG with a palette, enlarged to be seen; with fewer colours where it is large."""
    sheet = mosaic(values, image_shape)
    factor = max(1, -(-MIN_SIDE // sheet.pixels.shape[1]))
    labels = png_text(rows, columns if sheet.is_image else ())
    content = b""
    for n_colours, step in ((COLOURS, 1), (16, 1), (8, 1), (8, 2), (4, 4), (2, 8)):
        content = _encode(sheet.pixels[::step, ::step], limits, signed, n_colours, factor, labels)
        if len(content) <= MAX_BYTES:
            break
    return content


def _encode(
    pixels: np.ndarray, limits: tuple[float, float], signed: bool, n_colours: int, factor: int, labels: PngInfo
) -> bytes:
    """Level 0 is the gap, transparent on any page; the others go from the lower limit to the upper."""
    low, high = limits
    levels = np.clip((pixels - low) / (high - low), 0, 1) * (n_colours - 1)
    indices = np.where(np.isnan(pixels), 0, 1 + np.nan_to_num(levels).round()).astype(np.uint8)
    colours = matplotlib.colormaps["RdBu_r" if signed else "gray"](np.linspace(0, 1, n_colours))[:, :3]
    image = Image.fromarray(indices.repeat(factor, 0).repeat(factor, 1))
    image = image.convert("P")
    image.putpalette(bytes([255, 255, 255, *(255 * colours).round().astype(np.uint8).ravel().tolist()]))
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True, transparency=0, pnginfo=labels)
    return buffer.getvalue()
